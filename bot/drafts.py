"""Answers that come bit by bit: shown as they grow.

In a private chat what there is so far is a message draft, which has a button that
stops it; elsewhere, and where the server knows no drafts, it is a message that is
edited. What is left in the end is the conversation's to say, and comes by the feed.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import MessageEntity

from bot import outbox
from bot.outgoing import TEXT_LIMIT, Words
from bot.places import Place
from bot.rendering.text import clean, units, visible
from shared.database import Connection, Database
from shared.ids import SessionId

_DRAFT_EVERY_S = 1.0
"""Clients animate what is between two drafts."""

_EDIT_EVERY_S = 3.0
"""A group takes twenty messages and edits a minute."""

_DRAFT_WITHIN_S = 5
"""A server that takes longer to show a draft gets none any more."""

_DRAFT_LASTS_S = 20.0
"""Clients show a draft for 30 seconds, and its button no longer (https://core.telegram.org/bots/api#sendmessagedraft)."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Answer:
    """One answer that is still growing."""

    place: Place
    key: str
    session_id: SessionId | None
    goes_on: Callable[[Connection], Awaitable[bool]]
    text: str = ""
    """As much of its end as a message may have."""
    shown: str = ""
    shown_at: float = 0.0
    draft_id: int = field(default_factory=lambda: secrets.randbelow(2**31 - 1) + 1)
    drafted: bool = False
    """Whether it is shown as a draft, rather than as a message that is edited."""

    async def grow(self, pieces: AsyncIterator[str]) -> None:
        """Take up the pieces until there are no more."""
        async for piece in pieces:
            self.text = _end_of(self.text + clean(piece))

    def is_due(self, draft_lasts_s: float) -> bool:
        """Whether there is something to show that is not shown any more, or not yet."""
        faded = self.drafted and time.monotonic() - self.shown_at >= draft_lasts_s
        return visible(self.text) and (faded or self.text != self.shown)


class Drafts:
    """Shows answers while they are made."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        *,
        wake_sender: Callable[[int], None],
        draft_every_s: float = _DRAFT_EVERY_S,
        draft_lasts_s: float = _DRAFT_LASTS_S,
        edit_every_s: float = _EDIT_EVERY_S,
    ) -> None:
        """Put it together.

        Args:
            database: Where the outbox is.
            bot: Sends drafts, which are no messages and so no rows.
            wake_sender: Told the chat for which there is something to send.
            draft_every_s: The least time between two drafts.
            draft_lasts_s: How long a draft is left as it is.
            edit_every_s: The least time between two edits.
        """
        self._database = database
        self._bot = bot
        self._wake_sender = wake_sender
        self._draft_every_s = draft_every_s
        self._draft_lasts_s = draft_lasts_s
        self._edit_every_s = edit_every_s
        self._growing: dict[tuple[int, int], asyncio.Task[None]] = {}

    async def stream(
        self,
        place: Place,
        pieces: AsyncIterator[str],
        *,
        key: str,
        goes_on: Callable[[Connection], Awaitable[bool]],
        session_id: SessionId | None = None,
    ) -> bool:
        """Show lines as they come.

        Args:
            place: Where they are shown.
            pieces: What is added to the text, one after the other. Closed when somebody stops it.
            key: The outbox key of the message that is edited, where one is.
            goes_on: Whether this may still be shown, asked in the transaction that changes the message:
                so nothing takes the place of its end, which somebody else may have said.
            session_id: Whose answer it is.

        Returns:
            Whether somebody has stopped it.

        Raises:
            Exception: Whatever the pieces raise.
        """
        answer = _Answer(place, key, session_id, goes_on, drafted=place.chat_id > 0)
        growing = asyncio.create_task(answer.grow(pieces), name="drafts.grow")
        known_by = (place.chat_id, answer.draft_id)
        self._growing[known_by] = growing
        try:
            while not growing.done():
                await asyncio.wait([growing], timeout=await self._show(answer))
        finally:
            del self._growing[known_by]
            growing.cancel()
            await asyncio.wait([growing])
        if growing.cancelled():
            return True
        growing.result()
        return False

    def stop(self, chat_id: int, draft_id: int) -> bool:
        """Stop an answer, because somebody pressed its button; return whether it was still growing."""
        growing = self._growing.get((chat_id, draft_id))
        return growing is not None and growing.cancel()

    async def _show(self, answer: _Answer) -> float:
        """Show what there is so far, and return for how long it is enough."""
        if answer.is_due(self._draft_lasts_s) and await self._goes_on(answer):
            # The answer grows while it is shown.
            text = answer.text
            await (self._draft if answer.drafted else self._stand)(answer, text)
            answer.shown, answer.shown_at = text, time.monotonic()
        return self._draft_every_s if answer.drafted else self._edit_every_s

    async def _goes_on(self, answer: _Answer) -> bool:
        async with self._database.transaction() as tx:
            return await answer.goes_on(tx)

    async def _draft(self, answer: _Answer, text: str) -> None:
        words = _as_output(text)
        try:
            await self._bot.send_message_draft(
                answer.place.chat_id,
                answer.draft_id,
                message_thread_id=answer.place.thread_id,
                text=words.text,
                entities=words.entities,
                parse_mode=None,
                can_stop=True,
                keep_on_stop=True,
                request_timeout=_DRAFT_WITHIN_S,
            )
        except AiogramError as error:
            log.info("draft.refused", error=str(error))
            answer.drafted = False

    async def _stand(self, answer: _Answer, text: str) -> None:
        """Change the message, within the pace of what nobody asks for in this moment: a group is not flooded."""
        async with self._database.transaction() as tx:
            if await answer.goes_on(tx):
                await outbox.stand(
                    tx,
                    key=answer.key,
                    place=answer.place,
                    content=_as_output(f"{text.rstrip()}\n…"),
                    solicited=False,
                    session_id=answer.session_id,
                )
        self._wake_sender(answer.place.chat_id)


def _as_output(text: str) -> Words:
    text = _end_of(text)
    return Words(text=text, entities=[MessageEntity(type="pre", offset=0, length=units(text))], silent=True)


def _end_of(text: str) -> str:
    """Return as much of a text's end as a message may have: that is where it grows."""
    if units(text) <= TEXT_LIMIT:
        return text
    return "…" + text.encode("utf-16-le")[-2 * (TEXT_LIMIT - 1) :].decode("utf-16-le", "ignore")
