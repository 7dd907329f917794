"""The terminal front where no person sits: lines in, plain lines out."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from typing import TextIO

from cli.terminal.hostile import harmless
from cli.terminal.rendering import lines
from graph.conversation.replies import Kind, Reply


class Pipe:
    """Reads messages line by line, and prints replies as plain lines."""

    def __init__(
        self, source: TextIO = sys.stdin, sink: TextIO = sys.stdout, notes: TextIO = sys.stderr
    ) -> None:
        """Take the streams.

        Args:
            source: Each line of it is a message.
            sink: Where replies go.
            notes: What the chat itself has to say, which no script should have to tell from replies.
        """
        self._source, self._sink, self._notes = source, sink, notes
        self._progress: dict[int | None, list[str]] = {}
        self.failed = False
        """Whether any reply told of an error."""

    async def show(self, reply: Reply) -> None:
        """Print a reply; progress only where it says something new."""
        self.failed = self.failed or reply.error is not None
        shown = lines(reply)
        if reply.kind is Kind.PROGRESS:
            if self._progress.get(reply.run_number) == shown:
                return
            self._progress[reply.run_number] = shown
        print("\n".join(shown), file=self._sink, flush=True)

    async def show_said(self, text: str) -> None:
        """Print what the person said in another place, or before this chat began."""
        print(f"> {harmless(text)}", file=self._sink, flush=True)

    async def note(self, text: str) -> None:
        """Print a line that the chat itself has to say."""
        print(harmless(text), file=self._notes, flush=True)

    async def grow(self, lines: str) -> None:
        """Print more lines of a log that is followed, as they are."""
        print(harmless(lines.rstrip("\n")), file=self._sink, flush=True)

    async def read(self) -> AsyncIterator[str]:
        """Return the lines of the input that are not blank."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str] = asyncio.Queue()

        def pump() -> None:
            for line in [*iter(self._source.readline, ""), ""]:
                # The chat may have ended while the read was waiting.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(queue.put_nowait, line)

        # A daemon, since nothing can end a read of a pipe that stays open.
        threading.Thread(target=pump, name="pipe.read", daemon=True).start()
        while line := await queue.get():
            if line.strip():
                yield line.rstrip("\r\n")
