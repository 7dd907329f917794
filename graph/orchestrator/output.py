"""What programs print, as events: bounded, in batches, and harmless to show."""

from __future__ import annotations

import asyncio
import contextlib
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
        self._shown = 0
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._left_out = 0
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._flushing = asyncio.create_task(self._keep_flushing())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, asyncio.CancelledError):
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
            return
        self._close()
        # Not cancelled: lines that are being stored at this moment would be lost.
        await self._flushing

    async def line(self, text: str) -> None:
        """Take one line, whatever is in it."""
        if self._shown < HEAD_LINES:
            self._shown += 1
            self._waiting.append(clean(text))
            return
        self._left_out += len(self._tail) == TAIL_LINES
        self._tail.append(clean(text))

    async def text(self, text: str) -> None:
        """Take several lines."""
        for line in text.splitlines():
            await self.line(line)

    def _close(self) -> None:
        if self._left_out:
            self._waiting.append(f"… {self._left_out} lines left out …")
        self._waiting.extend(self._tail)
        self._closed.set()

    async def _keep_flushing(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_EVERY_S):
                    await self._closed.wait()
            await self._flush()
        await self._flush()  # what came before this task had its first turn

    async def _flush(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            await self._context.emit(events.OUTPUT_WRITTEN, {"step": self._step, "lines": lines})
