"""Logs that are followed in chats: shown as they grow by the one process that speaks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from bot.drafts import Drafts
from bot.places import FRONT, Place
from graph.conversation import Conversation, Followed
from shared.ids import SessionId
from shared.ledger.followings import Following
from shared.outages import outlast

_ORPHANED_S: Final = 10.0
"""What is followed and was not shown for so long is not going to be: telling the answer takes much less."""

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

    def __init__(
        self, conversation: Conversation, drafts: Drafts, *, orphaned_s: float = _ORPHANED_S
    ) -> None:
        """Put it together.

        Args:
            conversation: Knows what is followed, and says its end.
            drafts: Show it.
            orphaned_s: How often what is followed is compared with what is shown, and so how long
                the one may be without the other.
        """
        self._orphaned_s = orphaned_s
        self._conversation = conversation
        self._drafts = drafts
        self._begun: asyncio.Queue[Begun] = asyncio.Queue()
        self._numbers: set[int] = set()
        """Of what was begun here and is not over."""

    def begin(self, begun: Begun) -> None:
        """Show a log from now on."""
        self._numbers.add(begun.followed.number)
        self._begun.put_nowait(begun)

    async def end_left_behind(self) -> None:
        """Say the end of what the process before this one has followed: before anything is begun here."""
        await outlast(lambda: self._conversation.end_left_behind(front=FRONT))

    async def run(self) -> None:
        """Show what is begun, until cancelled: then the next process says that it has ended."""
        async with asyncio.TaskGroup() as together:
            together.create_task(self._end_orphans(), name="follows.orphans")
            while True:
                begun = await self._begun.get()
                together.create_task(self._show(begun), name="follows.show")

    async def _end_orphans(self) -> None:
        """End, for ever, what is followed and was never begun here.

        That is what remains where the answer was committed and nobody came to know it. Nothing
        would show it, and nothing else could be followed in its session.
        """
        before: set[Following] = set()
        while True:
            await asyncio.sleep(self._orphaned_s)
            there = await outlast(lambda: self._conversation.followed(front=FRONT))
            orphans = {one for one in there if one.number not in self._numbers}
            for one in orphans & before:
                log.warning("following.orphaned", session_id=one.session_id, project=one.project)
                followed = Followed(number=one.number, project=one.project)
                await self._conversation.follower(one.session_id, followed).fail()
            before = orphans

    async def _show(self, begun: Begun) -> None:
        try:
            await self._grow(begun)
        finally:
            self._numbers.discard(begun.followed.number)

    async def _grow(self, begun: Begun) -> None:
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
