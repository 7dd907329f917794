"""What a run is doing, in words: one answer from its row, its newest events and its questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graph.conversation import texts
from graph.conversation.progress import Progress, progress_of
from graph.conversation.questions import Waiting, waiting
from graph.conversation.replies import Block, Code, Text
from graph.conversation.texts.words import clock, paragraph, since
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
        head = Text(text=texts.runs.stands(self.run.number, self.run.title, self.state))
        return [head, Code(title=texts.runs.ITS_LAST_LINES, text=self.lines)] if self.lines else [head]


async def report(tx: Connection, run: Run) -> Report:
    """Say where a run stands."""
    if run.status.ended:
        return Report(run, ended(run), "")
    if run.blocked_by is not None:
        before = await runs.get(tx, run.blocked_by)
        return Report(run, texts.runs.it_waits_behind(before.number, before.title), "")
    asked = await waiting(tx, run_number=run.number)
    match run.status:
        case Status.WAITING if run.resume_at is not None:
            return Report(run, texts.runs.it_pauses(clock(run.resume_at), str(run.pause)), "")
        case Status.WAITING:
            return Report(run, _waiting(asked), "")
        case Status.RUNNING:
            progress = await progress_of(tx, run.id)
            return Report(run, _running(run, progress, asked), "\n".join(progress.lines))
        case _:
            return Report(run, texts.runs.it_is_queued(since(run.created_at)), "")


def ended(run: Run) -> str:
    """Say how a run ended."""
    took = since(run.created_at, run.ended_at) if run.ended_at else None
    match run.status:
        case Status.SUCCEEDED:
            return texts.runs.it_succeeded(took)
        case Status.CANCELLED:
            return texts.runs.it_was_cancelled(took)
        case Status.TIMED_OUT:
            return paragraph(texts.runs.it_took_too_long(took), *_because(run))
        case _:
            return paragraph(texts.runs.it_failed(took), *_because(run))


def _running(run: Run, progress: Progress, asked: Sequence[Waiting]) -> str:
    step = progress.current if progress.current and progress.current.since else None
    begun = step.since if step else run.started_at
    return texts.runs.it_works(
        step=step.name if step else None,
        how_long=since(begun) if begun else None,
        is_to_stop=run.cancel_requested_at is not None,
        waits=_waiting(asked) if asked else None,
    )


def _waiting(asked: Sequence[Waiting]) -> str:
    if not asked:
        return texts.runs.IT_WAS_ANSWERED
    puts = "; ".join(
        texts.runs.question_since(one.question.title, one.whose, since(one.created_at)) for one in asked
    )
    return texts.runs.it_waits_for(puts)


def _because(run: Run) -> list[str]:
    return [part for part in (run.reason, run.advice) if part]
