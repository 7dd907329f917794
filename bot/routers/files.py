"""What people send that is no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiogram import Bot, F, Router
from aiogram.enums import ContentType
from aiogram.types import Message

from bot import texts
from bot.addressing import Said, forwarded_from
from bot.albums import album_of
from bot.arrived import Arrived
from bot.files import Files, NotFetched, offered
from bot.hearing import Hearing
from bot.outgoing import Words
from bot.thinking import thinking
from graph.conversation import Attachment
from shared.database import Database
from shared.errors import BadInput

_SPOKEN: Final = frozenset({ContentType.VOICE, ContentType.VIDEO_NOTE, ContentType.AUDIO})

_UNREADABLE: Final = frozenset(
    {
        ContentType.ANIMATION,
        ContentType.CHECKLIST,
        ContentType.CONTACT,
        ContentType.DICE,
        ContentType.GAME,
        ContentType.LIVE_PHOTO,
        ContentType.LOCATION,
        ContentType.PAID_MEDIA,
        ContentType.POLL,
        ContentType.RICH_MESSAGE,
        ContentType.STICKER,
        ContentType.STORY,
        ContentType.VENUE,
        ContentType.VIDEO,
    }
)
"""What somebody says with, unlike what only tells that something was done in a chat."""


def files(database: Database, fetching: Files, hearing: Hearing) -> Router:
    """Return the router of files, and of what cannot be read yet."""
    router = Router(name="files")

    @router.message(F.content_type.in_({ContentType.DOCUMENT, ContentType.PHOTO}))
    async def sent(message: Message, arrived: Arrived, said: Said, bot: Bot) -> None:
        """Keep it, and hand it over with its caption."""
        async with thinking(bot, arrived.place):
            album = await album_of(database, arrived, message)
            kept = [file for one in album if (file := await kept_or_refused(one, arrived))]
        if kept:
            replied_to = await hearing.replied_to(message)
            await hearing.hear(arrived, _caption(said, album), replied_to=replied_to, attachments=kept)

    async def kept_or_refused(message: Message, arrived: Arrived) -> Attachment | None:
        """Keep a file, or say why not; what it was sent with is not carried out without it."""
        file = offered(message)
        if file is None:
            return None
        try:
            return await fetching.keep(file)
        except (BadInput, NotFetched) as error:
            words = Words(text=f"{error.message} {error.advice}", reply_to=message.message_id)
            await hearing.say(arrived, words, key=f"refused:{arrived.external_id}:{message.message_id}")
            return None

    @router.message(F.content_type.in_(_SPOKEN))
    async def spoken(_: Message, arrived: Arrived) -> None:
        """Say that we cannot listen."""
        await hearing.say(arrived, Words(text=texts.VOICE_NOT_UNDERSTOOD))

    @router.message(F.content_type.in_(_UNREADABLE))
    async def unreadable(_: Message, arrived: Arrived) -> None:
        """Say what can be read."""
        await hearing.say(arrived, Words(text=texts.NOT_UNDERSTOOD_KIND))

    return router


def _caption(said: Said, album: Sequence[Message]) -> str:
    """Return what was written with the files: under one of them, and never a command if they were forwarded."""
    for message in album:
        text = said.text or (message.caption or "").strip()
        if text:
            whose = forwarded_from(message)
            return texts.forwarded(whose, text) if whose is not None else text
    return ""
