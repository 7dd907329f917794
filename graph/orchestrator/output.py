"""What programs print, as events: bounded, in batches, and harmless to show."""

from __future__ import annotations

import asyncio
import unicodedata
from collections import deque
from types import TracebackType
from typing import Self

from graph.context import RunContext
from shared.ledger import events

FLUSH_EVERY_S = 0.25
HEAD_LINES = 200
"""Shown as they come."""
TAIL_LINES = 100
"""Shown at the end, of what came after the head."""
LONGEST_LINE = 500


def clean(text: str) -> str:
    """Return one line of hostile text without control characters, and not too long.

    What turns the direction of a line around, and halves of surrogate pairs,
    which JSON and PostgreSQL refuse, are left out as well.
    """
    kept = "".join(
        " " if character == "\t" else character
        for character in text[: 4 * LONGEST_LINE]
        if character == "\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )
    return kept if len(kept) <= LONGEST_LINE else f"{kept[:LONGEST_LINE]}…"


class Output:
    """A step's output: the head as it comes, the tail at the end, in `output.written` events."""

    def __init__(self, context: RunContext, step: str) -> None:
        self._context = context
        self._step = step
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._shown = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._left_out = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._left_out:
            self._waiting.append(f"… {self._left_out} lines left out …")
        self._waiting.extend(self._tail)
        self._flush()

    async def line(self, text: str) -> None:
        """Take one line, whatever is in it. Awaitable because a `LineListener` is."""
        self.add(text)

    def add(self, text: str) -> None:
        """Take one line, whatever is in it."""
        if self._shown == HEAD_LINES:
            self._left_out += len(self._tail) == TAIL_LINES
            self._tail.append(clean(text))
            return
        self._shown += 1
        self._waiting.append(clean(text))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_EVERY_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._context.emit(events.OUTPUT_WRITTEN, {"step": self._step, "lines": self._waiting})
            self._waiting = []
