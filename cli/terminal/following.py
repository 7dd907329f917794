"""The log that a terminal follows: its lines are shown as they are written."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from graph.conversation import Conversation, Followed, Follower
from shared.ids import SessionId

log = structlog.get_logger(__name__)


class Screen(Protocol):
    """Where the lines are shown."""

    async def grow(self, lines: str) -> None:
        """Show more lines of a log that is followed."""


class FollowedLog:
    """Shows what the session follows, one log at a time."""

    def __init__(self, conversation: Conversation, session_id: SessionId, screen: Screen) -> None:
        """Put it together.

        Args:
            conversation: Knows what is followed, and says its end.
            session_id: The session of this terminal.
            screen: Shows the lines.
        """
        self._conversation = conversation
        self._session_id = session_id
        self._screen = screen
        self._begun: asyncio.Queue[Follower] = asyncio.Queue()
        self._showing: asyncio.Task[None] | None = None

    def begin(self, followed: Followed) -> None:
        """Show a log from now on."""
        self._begun.put_nowait(self._conversation.follower(self._session_id, followed))

    async def run(self) -> None:
        """Show what is begun, until cancelled; who opens the conversation next is told that it has ended."""
        while True:
            follower = await self._begun.get()
            self._showing = asyncio.create_task(self._show(follower), name="following.show")
            try:
                await asyncio.wait([self._showing])
                await self._conclude(self._showing, follower)
            finally:
                self._showing.cancel()
                self._showing = None
                self._begun.task_done()

    def stop(self) -> bool:
        """Stop showing it; return False when nothing is followed."""
        return self._showing is not None and self._showing.cancel()

    async def ended(self) -> None:
        """Wait until nothing is followed any more."""
        await self._begun.join()

    async def _show(self, follower: Follower) -> None:
        async for lines in follower.pieces():
            await self._screen.grow(lines)

    async def _conclude(self, shown: asyncio.Task[None], follower: Follower) -> None:
        if shown.cancelled():
            await follower.stop()
        elif error := shown.exception():
            log.error("following.failed", session_id=self._session_id, exc_info=error)
            await follower.fail()
