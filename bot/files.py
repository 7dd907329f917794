"""Documents and photos that people send: fetched from Telegram within limits."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiogram.types import Message

from bot import texts
from graph.conversation import Attachment, Attachments
from graph.conversation.attachments import MOST_BYTES, check_size
from shared.errors import Unavailable

_WITHIN_S: Final = 60

PAUSES_S: Final = (1.0, 3.0)
"""The pauses between the attempts to fetch a file, of which there is one more."""

log = structlog.get_logger(__name__)


class NotFetched(Unavailable):
    """The file could not be fetched from Telegram."""

    code = "file_not_fetched"
    advice = "Send it again."


@dataclass(frozen=True, slots=True)
class Offered:
    """A file as a message announces it; what comes may be something else."""

    file_id: str
    name: str
    size: int | None
    media_type: str


def offered(message: Message) -> Offered | None:
    """Return the file that a message brings, if it brings one; of a photo the largest size that is taken."""
    if document := message.document:
        name = document.file_name or f"file-{message.message_id}"
        return Offered(document.file_id, name, document.file_size, document.mime_type or "")
    if message.photo:
        photo = max(message.photo, key=lambda one: (_fits(one.file_size), one.width * one.height))
        return Offered(photo.file_id, f"photo-{message.message_id}.jpg", photo.file_size, "image/jpeg")
    return None


class Files:
    """Fetches what people send, and keeps it: for the conversation, which says what is taken."""

    def __init__(self, bot: Bot, home: Path, *, pauses_s: Sequence[float] = PAUSES_S) -> None:
        """Put it together.

        Args:
            bot: Knows where Telegram has them.
            home: The installation's home.
            pauses_s: Seconds between the attempts to fetch a file.
        """
        self._bot = bot
        self._pauses_s = pauses_s
        self._attachments = Attachments(home)

    async def keep(self, file: Offered) -> Attachment:
        """Fetch a file and keep it; the same one again is kept once.

        Raises:
            TooLarge: It is, by what is announced, or by what comes.
            TypeNotTaken: It is neither text nor what its name says.
            NotFetched: Telegram refuses it, or does not hand it out after several attempts.
        """
        check_size(file.name, file.size or 0)
        return await self._attachments.keep(file.name, await self._fetch(file), media_type=file.media_type)

    async def _fetch(self, file: Offered) -> bytes:
        for pause_s in self._pauses_s:
            try:
                return await self._fetch_once(file)
            except NotFetched as error:
                if isinstance(error.__cause__, TelegramBadRequest):
                    raise
                # Its text may quote an address with the bot's token.
                log.warning("file.missed", error=type(error.__cause__).__name__)
                await asyncio.sleep(pause_s)
        return await self._fetch_once(file)

    async def _fetch_once(self, file: Offered) -> bytes:
        content = _Bounded(file.name)
        try:
            found = await self._bot.get_file(file.file_id)
            await self._bot.download_file(found.file_path or "", content, timeout=_WITHIN_S)
        except TelegramBadRequest as error:
            if "too big" in error.message:
                check_size(file.name, max(file.size or 0, MOST_BYTES + 1))
            raise NotFetched(texts.file_not_fetched(file.name)) from error
        except (AiogramError, aiohttp.ClientError, TimeoutError) as error:
            raise NotFetched(texts.file_not_fetched(file.name)) from error
        return content.getvalue()


class _Bounded(io.BytesIO):
    """Takes as much as a file may have and not one byte more, whatever a server sends."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def write(self, piece: bytes, /) -> int:  # type: ignore[override]
        check_size(self._name, self.tell() + len(piece))
        return super().write(piece)


def _fits(size: int | None) -> bool:
    return (size or 0) <= MOST_BYTES
