"""Where a run is, as one picture: the steps it has done, the one it is at, and what was printed last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.rows import class_row

from graph.conversation import texts
from graph.conversation.questions import Waiting, waiting
from graph.conversation.texts.words import capitalised, duration, step_name
from graph.orchestrator.state import UNTOLD
from shared.database import Connection
from shared.ids import RunId
from shared.ledger import events, runs
from shared.ledger.runs import Run, Status

LINES_SHOWN = 6
_LINE_LENGTH = 200

_STEPS = (events.STEP_STARTED, events.STEP_FINISHED, events.STEP_FAILED)
_RESTARTS = (events.RUN_TAKEN_OVER, events.RUN_RESUMED)
_PRINTS = (events.OUTPUT_WRITTEN, events.DEPLOYMENT_ADVANCED)


class StepState(StrEnum):
    """What has become of a step."""

    DONE = "done"
    CURRENT = "current"
    FAILED = "failed"
    """It failed, or the run ended in the middle of it."""


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """One step of a run, where it was done last."""

    name: str
    state: StepState
    took_s: float | None
    """Seconds, once it is over and that is known."""
    since: datetime | None
    """When it was begun."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is."""

    run_number: int
    title: str
    status: Status
    steps: list[ProgressStep]
    """Each step once, in the order in which they were done last; the current ones at the end."""
    lines: list[str]
    """The last that was printed in the step that was begun last, a handful."""
    note: str
    """What stands in the run's way, what it came to, or else the last remark it made; may be empty."""
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def current(self) -> ProgressStep | None:
        """The step that was begun last and is not over."""
        return next((step for step in reversed(self.steps) if step.state is StepState.CURRENT), None)


@dataclass(frozen=True, slots=True)
class Fact:
    """What progress is read from: an event, of output only the last lines."""

    type: str
    data: dict[str, Any]
    created_at: datetime


async def progress_of(tx: Connection, run_id: RunId) -> Progress:
    """Return where a run is.

    Raises:
        NoSuchRun: There is none with this id.
    """
    run = await runs.get(tx, run_id)
    facts = await _facts(tx, run_id)
    return picture(run, facts, await _note(tx, run, facts))


def picture(run: Run, facts: Sequence[Fact], note: str) -> Progress:
    """Put the picture together from what happened, oldest first."""
    return Progress(
        run_number=run.number,
        title=run.title,
        status=run.status,
        steps=_steps(facts, run),
        lines=[] if run.status is Status.SUCCEEDED else _lines(facts),
        note=note,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


async def _facts(tx: Connection, run_id: RunId) -> list[Fact]:
    """Read what counts of a run's events by one statement, however much was printed (the events' primary key)."""
    async with tx.cursor(row_factory=class_row(Fact)) as cursor:
        await cursor.execute(
            """
            WITH told AS (
                SELECT seq, type, data, created_at FROM events
                 WHERE run_id = %(run_id)s AND type = ANY(%(told)s)
            ), printed AS (
                SELECT seq, type, created_at,
                       CASE WHEN data ? 'lines' THEN
                            jsonb_build_object('lines', jsonb_path_query_array(data, '$.lines[last - 5 to last]'))
                       ELSE data END AS data
                  FROM events
                 WHERE run_id = %(run_id)s AND type = ANY(%(prints)s)
                   AND seq > COALESCE((SELECT max(seq) FROM told WHERE type = %(begins)s), 0)
                 ORDER BY seq DESC LIMIT %(limit)s
            ), remark AS (
                SELECT seq, type, data, created_at FROM events
                 WHERE run_id = %(run_id)s AND type = %(remark)s ORDER BY seq DESC LIMIT 1
            )
            SELECT type, data, created_at FROM (
                SELECT seq, type, data, created_at FROM told UNION ALL
                SELECT seq, type, data, created_at FROM printed UNION ALL
                SELECT seq, type, data, created_at FROM remark) AS facts
             ORDER BY seq
            """,
            {
                "run_id": run_id,
                "told": [*_STEPS, *_RESTARTS],
                "prints": list(_PRINTS),
                "begins": events.STEP_STARTED,
                # What a playbook does is told when it begins and when it is done.
                "limit": 2 * LINES_SHOWN,
                "remark": events.NOTE_WRITTEN,
            },
        )
        return await cursor.fetchall()


def _steps(facts: Iterable[Fact], run: Run) -> list[ProgressStep]:
    """Tick the steps off. One that is done again stands where it is done last."""
    steps: dict[str, ProgressStep] = {}
    for fact in facts:
        name = _text(fact, "step")
        if fact.type in _RESTARTS:
            # What was under way is begun anew, and tells so.
            steps = {one: step for one, step in steps.items() if step.state is not StepState.CURRENT}
        elif fact.type not in _STEPS or name in UNTOLD:
            continue
        elif fact.type == events.STEP_STARTED:
            steps.pop(name, None)
            steps[name] = ProgressStep(_step(fact), StepState.CURRENT, None, fact.created_at)
        else:
            state = StepState.DONE if fact.type == events.STEP_FINISHED else StepState.FAILED
            begun = steps.get(name)
            steps[name] = ProgressStep(_step(fact), state, _took(fact), begun.since if begun else None)
    return [_at_the_end(step, run) if run.status.ended else step for step in steps.values()]


def _at_the_end(step: ProgressStep, run: Run) -> ProgressStep:
    """Return a step of a run that has ended: one in the middle of which it ended was not done."""
    if step.state is not StepState.CURRENT:
        return step
    if run.status is Status.SUCCEEDED:
        return replace(step, state=StepState.DONE)
    took = (run.ended_at - step.since).total_seconds() if run.ended_at and step.since else None
    return replace(step, state=StepState.FAILED, took_s=took)


def _lines(facts: Sequence[Fact]) -> list[str]:
    """Return the last lines of the step that was begun last, of a playbook each task once."""
    lines: list[str] = []
    for fact in facts:
        match fact.type:
            case events.STEP_STARTED:
                lines.clear()
            case events.OUTPUT_WRITTEN:
                lines.extend(_printed(fact))
            case events.DEPLOYMENT_ADVANCED:
                if lines and lines[-1] == _begun(fact):
                    lines.pop()
                lines.extend(_advanced(fact))
            case _:
                continue
    return [line[:_LINE_LENGTH] for line in lines[-LINES_SHOWN:]]


def _printed(fact: Fact) -> list[str]:
    lines = fact.data.get("lines")
    return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []


def _begun(fact: Fact) -> str:
    return texts.progress.step_begun(_step(fact))


def _advanced(fact: Fact) -> list[str]:
    step, took = _step(fact), _took(fact)
    match _text(fact, "status"):
        case "started":
            return [_begun(fact)]
        case "ok" | "changed":
            return [
                texts.progress.step_done(step)
                if took is None
                else texts.progress.step_done_in(step, duration(took))
            ]
        case "failed":
            return [texts.progress.task_failed(step, _text(fact, "message"))]
        case _:
            return []


async def _note(tx: Connection, run: Run, facts: Sequence[Fact]) -> str:
    match run.status:
        case Status.SUCCEEDED:
            summary = (run.result or {}).get("summary")
            return summary if isinstance(summary, str) else ""
        case Status.FAILED | Status.CANCELLED | Status.TIMED_OUT:
            return run.reason or ""
    if run.cancel_requested_at is not None:
        return texts.progress.BEING_CANCELLED
    if run.blocked_by is not None:
        before = await runs.get(tx, run.blocked_by)
        return texts.progress.waits_behind(before.number, before.title)
    match run.status:
        case Status.QUEUED:
            return texts.progress.NEXT_WORKER_TAKES_IT
        case Status.WAITING if run.resume_at is not None:
            return texts.progress.pauses(str(run.pause))
        case Status.WAITING:
            return _asks(await waiting(tx, run_number=run.number))
        case _:
            return next((_text(fact, "text") for fact in facts if fact.type == events.NOTE_WRITTEN), "")


def _asks(asked: Sequence[Waiting]) -> str:
    """Say what a waiting run waits for."""
    if not asked:
        return texts.progress.ANSWERED
    # Without the time: a picture changes only when something has happened.
    puts = "; ".join(texts.progress.question_for(one.question.title, one.whose) for one in asked)
    return texts.progress.waits_for(puts)


def _step(fact: Fact) -> str:
    return capitalised(step_name(_text(fact, "step"))) or texts.progress.WORK


def _took(fact: Fact) -> float | None:
    took = fact.data.get("took_s")
    return float(took) if isinstance(took, int | float) else None


def _text(fact: Fact, key: str) -> str:
    value = fact.data.get(key)
    return value if isinstance(value, str) else ""
