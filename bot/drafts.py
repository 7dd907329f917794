"""Answers that come bit by bit: shown as they grow, and a real message at the end.

In a private chat what there is so far is a message draft, which has a button that
stops it; elsewhere, and where the server knows no drafts, it is a message that is
edited. What is left in the end is a row of the outbox in any case.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError

from bot import outbox, texts
from bot.outgoing import TEXT_LIMIT, Words
from bot.places import Place
from bot.rendering import render
from bot.rendering.text import units
from graph.conversation import Reply
from shared.database import Database
from shared.ids import SessionId

_DRAFT_EVERY_S = 0.5
"""Clients animate what is between two drafts."""

_EDIT_EVERY_S = 3.0
"""A group takes twenty messages and edits a minute."""

_DRAFT_WITHIN_S = 5
"""A server that takes longer to show a draft gets none any more."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Answer:
    """One answer that is still growing."""

    place: Place
    key: str
    session_id: SessionId | None
    text: str = ""
    shown: str = ""
    draft_id: int = field(default_factory=lambda: secrets.randbelow(2**31 - 1) + 1)
    drafted: bool = False
    """Whether it is shown as a draft, rather than as a message that is edited."""

    async def grow(self, pieces: AsyncIterator[str]) -> None:
        """Take up the pieces until there are no more."""
        async for piece in pieces:
            self.text += piece


class Drafts:
    """Shows answers while they are made."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        *,
        wake_sender: Callable[[int], None],
        draft_every_s: float = _DRAFT_EVERY_S,
        edit_every_s: float = _EDIT_EVERY_S,
    ) -> None:
        """Put it together.

        Args:
            database: Where the outbox is.
            bot: Sends drafts, which are no messages and so no rows.
            wake_sender: Told the chat for which there is something to send.
            draft_every_s: The least time between two drafts.
            edit_every_s: The least time between two edits.
        """
        self._database = database
        self._bot = bot
        self._wake_sender = wake_sender
        self._draft_every_s = draft_every_s
        self._edit_every_s = edit_every_s
        self._growing: dict[tuple[int, int], asyncio.Task[None]] = {}

    async def stream(
        self, place: Place, pieces: AsyncIterator[str], *, key: str, session_id: SessionId | None = None
    ) -> str:
        """Show an answer as its pieces come, then leave it in the chat.

        Args:
            place: Where it is said.
            pieces: What is added to the text, one after the other. Closed when somebody stops it.
            key: The outbox key of the message that is left.
            session_id: Whose answer it is.

        Returns:
            The whole text, or what there was of it when it was stopped.

        Raises:
            Exception: Whatever the pieces raise; nothing is left in the chat then but what was edited.
        """
        answer = _Answer(place, key, session_id, drafted=place.chat_id > 0)
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
            answer.text = f"{answer.text.rstrip()} … {texts.STOPPED}".lstrip()
        else:
            growing.result()
        await self._leave(answer)
        return answer.text

    def stop(self, chat_id: int, draft_id: int) -> bool:
        """Stop an answer, because somebody pressed its button; return whether it was still growing."""
        growing = self._growing.get((chat_id, draft_id))
        return growing is not None and growing.cancel()

    async def _show(self, answer: _Answer) -> float:
        """Show what there is so far, and return for how long it is enough."""
        # The answer grows while it is shown.
        text = answer.text
        if text.strip() and text != answer.shown:
            if answer.drafted:
                await self._draft(answer, text)
            else:
                await self._stand(answer, text)
            answer.shown = text
        return self._draft_every_s if answer.drafted else self._edit_every_s

    async def _draft(self, answer: _Answer, text: str) -> None:
        try:
            await self._bot.send_message_draft(
                answer.place.chat_id,
                answer.draft_id,
                message_thread_id=answer.place.thread_id,
                text=_end_of(text),
                parse_mode=None,
                can_stop=True,
                keep_on_stop=True,
                request_timeout=_DRAFT_WITHIN_S,
            )
        except AiogramError as error:
            log.info("draft.refused", error=str(error))
            answer.drafted = False

    async def _stand(self, answer: _Answer, text: str) -> None:
        async with self._database.transaction() as tx:
            await outbox.stand(
                tx,
                key=answer.key,
                place=answer.place,
                content=Words(text=_end_of(f"{text} …")),
                solicited=True,
                session_id=answer.session_id,
            )
        self._wake_sender(answer.place.chat_id)

    async def _leave(self, answer: _Answer) -> None:
        """Write what is left: the message that stood there so far becomes its beginning."""
        async with self._database.transaction() as tx:
            for number, content in enumerate(render(Reply.saying(answer.text))):
                await outbox.stand(
                    tx,
                    key=answer.key if number == 0 else f"{answer.key}#{number}",
                    place=answer.place,
                    content=content,
                    solicited=True,
                    session_id=answer.session_id,
                )
        self._wake_sender(answer.place.chat_id)


def _end_of(text: str) -> str:
    """Return as much of a text's end as a message may have: that is where it grows."""
    if units(text) <= TEXT_LIMIT:
        return text
    return "…" + text.encode("utf-16-le")[-2 * (TEXT_LIMIT - 1) :].decode("utf-16-le", "ignore")
