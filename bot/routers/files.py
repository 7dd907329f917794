"""What people send that is no text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiogram import Router
from aiogram.enums import ContentType
from aiogram.types import Message

from bot import texts
from bot.addressing import Said, forwarded_from
from bot.albums import album_of
from bot.arrived import Arrived
from bot.files import Files, NotFetched, offered
from bot.hearing import Hearing
from bot.outgoing import Words
from bot.routers.kinds import Kind
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

    @router.message(Kind(ContentType.DOCUMENT, ContentType.PHOTO))
    async def sent(message: Message, arrived: Arrived, said: Said) -> None:
        """Keep it, and hand it over with its caption."""
        album = await album_of(database, arrived, message)
        if not album:
            await fetching.forget(arrived)
            return
        kept: list[Attachment] = []
        brought = [(one, file) for one in album if (file := offered(one)) is not None]
        outcomes = await fetching.of(arrived, [file for _, file in brought])
        for (bringing, _), outcome in zip(brought, outcomes, strict=True):
            match outcome:
                case Attachment():
                    kept.append(outcome)
                case refusal:
                    await refuse(bringing, arrived, refusal)
        if kept:
            replied_to = await hearing.replied_to(message)
            await hearing.hear(
                arrived,
                _caption(said, album),
                replied_to=replied_to,
                by_name=said.by_name,
                attachments=kept,
            )

    async def refuse(message: Message, arrived: Arrived, error: BadInput | NotFetched) -> None:
        """Say why a file is not kept; what it was sent with is not carried out without it."""
        words = Words(text=f"{error.message} {error.advice}", reply_to=message.message_id)
        await hearing.say(arrived, words, key=f"refused:{arrived.inbox_id}:{message.message_id}")

    @router.message(Kind(*_SPOKEN))
    async def spoken(_: Message, arrived: Arrived) -> None:
        """Say that we cannot listen."""
        await hearing.say(arrived, Words(text=texts.VOICE_NOT_UNDERSTOOD, reply_to=arrived.reply_to))

    @router.message(Kind(*_UNREADABLE))
    async def unreadable(_: Message, arrived: Arrived) -> None:
        """Say what can be read."""
        await hearing.say(arrived, Words(text=texts.NOT_UNDERSTOOD_KIND, reply_to=arrived.reply_to))

    return router


def _caption(said: Said, album: Sequence[Message]) -> str:
    """Return what was written with the files: under one of them, and never a command if they were forwarded."""
    for message in album:
        text = said.text or (message.caption or "").strip()
        if text:
            whose = forwarded_from(message)
            return texts.forwarded(whose, text) if whose is not None else text
    return ""
