"""Where a run stands, as one message that is edited in place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from aiogram.utils.formatting import Bold, Italic, Pre
from aiogram.utils.formatting import Text as Node

from bot import texts
from bot.outgoing import Words
from bot.rendering.splitting import piece_of
from bot.rendering.text import clean, cut, isolated, one_line, settled, visible
from graph.conversation.progress import Progress, ProgressStep, StepState
from graph.conversation.texts.words import duration
from shared.ledger.runs import Status

# In UTF-16 code units: together less than a message may have.
_TITLE = 160
_STEP = 60
_NOTE = 600
_LINE = 120

_MOST_STEPS = 20
_MOST_LINES = 6

_MARKS = {StepState.DONE: "✓", StepState.CURRENT: "▸", StepState.FAILED: "✗"}
_WIDE_GAP = re.compile(r"(?<=\S) {3,}")

_COARSE = ((60, 5), (300, 15), (3600, 60), (86400, 600))
"""Up to so many seconds, time is told in steps of so many: each change is an edit, and edits are counted."""


def render_progress(progress: Progress, *, now: datetime | None = None) -> Words:
    """Return the message of a run.

    Args:
        progress: Where it stands.
        now: The time by which the current step's is told.

    Returns:
        The same words for the same progress, until the coarse time has moved.
    """
    parts = [_head(progress), *_steps(progress, now or datetime.now(UTC)), _output(progress), _end(progress)]
    piece = piece_of(_joined(part for part in parts if part is not None))
    return Words(text=piece.text, entities=piece.entities, silent=True)


def _head(progress: Progress) -> Node:
    title = isolated(cut(one_line(progress.title), _TITLE))
    number = texts.run(progress.run_number)
    return Node(Bold(title), f" · {number}") if visible(title) else Bold(number)


def _steps(progress: Progress, now: datetime) -> list[Node]:
    shown = progress.steps[-_MOST_STEPS:]
    left_out = len(progress.steps) - len(shown)
    before = [Node(texts.steps_before(left_out))] if left_out else []
    return [*before, *(_step(progress, step, now) for step in shown)]


def _step(progress: Progress, step: ProgressStep, now: datetime) -> Node:
    name = isolated(cut(one_line(step.name), _STEP))
    if step.state is not StepState.CURRENT:
        took = f" {duration(step.took_s)}" if step.took_s is not None else ""
        return Node(f"{_MARKS[step.state]} {name}{took}")
    if progress.status is Status.WAITING or step.since is None:
        return Node(f"{_MARKS[step.state]} ", Bold(name), " …")
    return Node(f"{_MARKS[step.state]} ", Bold(name), f" …{_so_far((now - step.since).total_seconds())}")


def _so_far(seconds: float) -> str:
    for until, grain in _COARSE:
        if seconds < until:
            coarse = int(max(seconds, 0)) // grain * grain
            return f" {duration(coarse)}" if coarse else ""
    return f" {duration(seconds)}"


def _output(progress: Progress) -> Node | None:
    """Return the last lines, as long as they say what is being done or why it failed."""
    if progress.status in {Status.SUCCEEDED, Status.CANCELLED, Status.WAITING}:
        return None
    lines = [line for text in progress.lines[-_MOST_LINES:] for line in clean(text).split("\n")]
    told = [cut(_closer(line), _LINE) for line in lines if visible(line)][-_MOST_LINES:]
    return Pre("\n".join(told)) if told else None


def _closer(line: str) -> str:
    """Return a line without the wide gaps that programs leave on wide screens; its indentation stays."""
    return _WIDE_GAP.sub("  ", line.rstrip())


def _end(progress: Progress) -> Node | None:
    """Return what has become of a run, or what stands in its way; a result tells its own summary."""
    note = settled(cut(" ".join(clean(progress.note).split()), _NOTE))
    told = visible(note) and progress.status is not Status.SUCCEEDED
    if not progress.status.ended:
        return Italic(note) if told else _standing(progress)
    return Node(Bold(_ended(progress), ":"), " ", note) if told else Bold(_ended(progress))


def _standing(progress: Progress) -> Node | None:
    """Return where a run stands whose steps do not say it."""
    match progress.status:
        case Status.QUEUED:
            return Italic(texts.QUEUED)
        case Status.WAITING:
            return Italic(texts.WAITING)
        case _:
            return None if progress.steps else Italic(texts.WORKING)


def _ended(progress: Progress) -> str:
    took = _took(progress)
    match progress.status:
        case Status.SUCCEEDED:
            return texts.done(took)
        case Status.CANCELLED:
            return texts.cancelled(took)
        case Status.TIMED_OUT:
            return texts.timed_out(took)
        case _:
            return texts.failed(took)


def _took(progress: Progress) -> str:
    if progress.started_at is None or progress.ended_at is None:
        return ""
    return duration((progress.ended_at - progress.started_at).total_seconds())


def _joined(parts: Iterable[Node]) -> Node:
    nodes: list[str | Node] = []
    for part in parts:
        nodes.extend([*_break(nodes), part])
    return Node(*nodes)


def _break(before: Sequence[str | Node]) -> list[str]:
    return ["\n"] if before else []
