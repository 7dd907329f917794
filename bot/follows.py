"""Logs that are followed in chats: shown as they grow by the one process that speaks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.drafts import Drafts
from bot.places import FRONT, Place
from graph.conversation import Conversation, Followed
from shared.ids import SessionId
from shared.outages import outlast

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """A following that an answer in a chat has begun."""

    place: Place
    session_id: SessionId
    followed: Followed


def growing_key(number: int) -> str:
    """Return the outbox key under which a followed log stands where it is a message, until its end does."""
    return f"following:{number}"


class Follows:
    """Shows what is followed, each beside the others."""

    def __init__(self, conversation: Conversation, drafts: Drafts) -> None:
        """Put it together.

        Args:
            conversation: Knows what is followed, and says its end.
            drafts: Show it.
        """
        self._conversation = conversation
        self._drafts = drafts
        self._begun: asyncio.Queue[Begun] = asyncio.Queue()

    def begin(self, begun: Begun) -> None:
        """Show a log from now on."""
        self._begun.put_nowait(begun)

    async def end_left_behind(self) -> None:
        """Say the end of what the process before this one has followed: before anything is begun here."""
        await outlast(lambda: self._conversation.end_left_behind(front=FRONT))

    async def run(self) -> None:
        """Show what is begun, until cancelled: then the next process says that it has ended."""
        async with asyncio.TaskGroup() as together:
            while True:
                begun = await self._begun.get()
                together.create_task(self._show(begun), name="follows.show")

    async def _show(self, begun: Begun) -> None:
        follower = self._conversation.follower(begun.session_id, begun.followed)
        try:
            stopped = await self._drafts.stream(
                begun.place,
                follower.pieces(),
                key=growing_key(begun.followed.number),
                session_id=begun.session_id,
                goes_on=follower.goes_on,
            )
        except Exception:
            # One log that cannot be shown must not end the others, nor the bot.
            log.exception("following.failed", session_id=begun.session_id)
            await follower.fail()
        else:
            if stopped:
                await follower.stop()
