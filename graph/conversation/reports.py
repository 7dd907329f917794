"""What a run is doing, in words: one answer from its row, its newest events and its questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graph.conversation.progress import Progress, progress_of
from graph.conversation.questions import Waiting, waiting
from graph.conversation.replies import Block, Code, Text
from graph.conversation.texts.words import clock, since
from shared.database import Connection
from shared.ledger import runs
from shared.ledger.runs import Run, Status


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
    if run.status.ended:
        return Report(run, ended(run), "")
    if run.blocked_by is not None:
        before = await runs.get(tx, run.blocked_by)
        state = f"it waits behind run {before.number} ({before.title}), which works on the same project."
        return Report(run, state, "")
    asked = await waiting(tx, run_number=run.number)
    match run.status:
        case Status.WAITING if run.resume_at is not None:
            return Report(run, f"it pauses until {clock(run.resume_at)}: {run.pause}", "")
        case Status.WAITING:
            return Report(run, _waiting(asked), "")
        case Status.RUNNING:
            progress = await progress_of(tx, run.id)
            return Report(run, _running(run, progress, asked), "\n".join(progress.lines))
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


def _running(run: Run, progress: Progress, asked: Sequence[Waiting]) -> str:
    words = "it is working"
    if (step := progress.current) and step.since:
        words = f"{words} on “{step.name}”, for {since(step.since)}"
    elif run.started_at:
        words = f"{words}, for {since(run.started_at)}"
    if run.cancel_requested_at is not None:
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
