"""What a run is doing, in words: one answer from its row, its newest events and its questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from graph.conversation.questions import Waiting, waiting
from graph.conversation.replies import Block, Code, Text
from graph.conversation.words import since
from shared.database import Connection
from shared.ledger import events, runs
from shared.ledger.events import Event
from shared.ledger.runs import Run, Status

_EVENTS_READ = 200
_LAST_LINES = 6
_LINE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Report:
    """Where a run stands."""

    run: Run
    state: str
    """In a line: what it is doing, since when, and who or what stands before it."""
    lines: str
    """The last lines it wrote, if it is working."""

    @property
    def blocks(self) -> list[Block]:
        """The report for a reply."""
        head = Text(text=f"Run {self.run.number}, {self.run.title}: {self.state}")
        return [head, Code(title="Its last lines:", text=self.lines)] if self.lines else [head]


async def report(tx: Connection, run: Run) -> Report:
    """Say where a run stands."""
    recent = await events.after(tx, run.id, max(0, run.last_event - _EVENTS_READ), limit=_EVENTS_READ)
    if run.status.ended:
        return Report(run, ended(run), "")
    if run.blocked_by is not None:
        before = await runs.get(tx, run.blocked_by)
        state = f"it waits behind run {before.number} ({before.title}), which works on the same project."
        return Report(run, state, "")
    asked = [one for one in await waiting(tx, session_id=run.session_id) if one.run_id == run.id]
    match run.status:
        case Status.WAITING:
            return Report(run, _waiting(asked), "")
        case Status.RUNNING:
            return Report(run, _running(run, recent, asked), last_lines(recent))
        case _:
            return Report(
                run, f"it is queued, for {since(run.created_at)}: the next free worker takes it.", ""
            )


def ended(run: Run) -> str:
    """Say how a run ended."""
    took = f" after {since(run.created_at, run.ended_at)}" if run.ended_at else ""
    match run.status:
        case Status.SUCCEEDED:
            return f"it succeeded{took}."
        case Status.CANCELLED:
            return f"it was cancelled{took}."
        case Status.TIMED_OUT:
            return f"it took too long and was stopped{took}.{_because(run)}"
        case _:
            return f"it failed{took}.{_because(run)}"


def current_step(recent: Sequence[Event]) -> tuple[str, datetime] | None:
    """Return the step that was begun last and has not been finished, and since when."""
    under_way: dict[str, datetime] = {}
    for event in recent:
        step = _text(event.data.get("step"))
        if event.type == events.STEP_STARTED:
            under_way[step] = event.created_at
        elif event.type in {events.STEP_FINISHED, events.STEP_FAILED}:
            under_way.pop(step, None)
    return list(under_way.items())[-1] if under_way else None


def last_lines(recent: Sequence[Event]) -> str:
    """Return the last lines that were written, each cut to a length that can be read."""
    lines = [
        line[:_LINE_LENGTH]
        for event in recent
        if event.type == events.OUTPUT_WRITTEN
        for line in _lines(event.data.get("lines"))
    ]
    return "\n".join(lines[-_LAST_LINES:])


def _running(run: Run, recent: Sequence[Event], asked: Sequence[Waiting]) -> str:
    words = "it is working"
    if step := current_step(recent):
        words = f"{words} on “{step_name(step[0])}”, for {since(step[1])}"
    elif run.started_at:
        words = f"{words}, for {since(run.started_at)}"
    if any(event.type == events.CANCEL_REQUESTED for event in recent):
        words = f"{words}; it was asked to stop"
    if asked:
        return f"{words}; and {_waiting(asked)}"
    return f"{words}."


def _waiting(asked: Sequence[Waiting]) -> str:
    if not asked:
        return "it was answered, and the next free worker goes on with it."
    puts = "; ".join(
        f"{one.question.title} (for {one.whose}, since {since(one.created_at)})" for one in asked
    )
    return f"it waits for an answer: {puts}"


def _because(run: Run) -> str:
    return "".join(f" {part}" for part in (run.reason, run.advice) if part)


def step_name(step: str) -> str:
    """Return a node's name as people say it."""
    return step.replace("_", " ")


def _text(value: Any) -> str:  # noqa: ANN401 - what a graph wrote into its event
    return value if isinstance(value, str) else ""


def _lines(value: Any) -> list[str]:  # noqa: ANN401
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []
