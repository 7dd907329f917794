"""What people send that is no text."""

from __future__ import annotations

from typing import Final

from aiogram import F, Router
from aiogram.enums import ContentType
from aiogram.types import Message

from bot import texts
from bot.arrived import Arrived
from bot.hearing import Hearing
from bot.outgoing import Words

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


def files(hearing: Hearing) -> Router:
    """Return the router of files, and of what cannot be read yet."""
    router = Router(name="files")

    @router.message(F.content_type.in_(_SPOKEN))
    async def spoken(_: Message, arrived: Arrived) -> None:
        """Say that we cannot listen."""
        await hearing.say(arrived, Words(text=texts.VOICE_NOT_UNDERSTOOD))

    @router.message(F.content_type.in_(_UNREADABLE))
    async def unreadable(_: Message, arrived: Arrived) -> None:
        """Say what can be read."""
        await hearing.say(arrived, Words(text=texts.NOT_UNDERSTOOD_KIND))

    return router
