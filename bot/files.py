"""Documents and photos that people send: fetched from Telegram within limits."""

from __future__ import annotations

import asyncio
import io
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiogram.types import Message

from bot import texts
from bot.arrived import Arrived
from bot.aside import Aside
from bot.thinking import thinking
from graph.conversation import Attachment, Attachments
from graph.conversation.attachments import MOST_BYTES, check_size
from shared.errors import BadInput, Unavailable
from shared.ids import SessionId, UserId

_WITHIN_S: Final = 60

PAUSES_S: Final = (1.0, 3.0)
"""The pauses between the attempts to fetch a file, of which there is one more."""

PATIENCE_S: Final = 1.0
"""For so long a chat waits for a file, so that what is said after it is heard after it.

Where it waits in vain it waits for no further file until that one is there: a hundred files that hang would
be a hundred times as long.
"""

_AT_ONCE_EACH = 3
"""Files of one person that are fetched at the same time: each is in memory until it is whole."""

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


@dataclass(frozen=True, slots=True)
class _Coming:
    """What is fetched for an update."""

    session_id: SessionId
    files: dict[Offered, asyncio.Task[Attachment]] = field(default_factory=dict)

    @property
    def is_under_way(self) -> bool:
        return not all(task.done() for task in self.files.values())


class Files:
    """Fetches what people send, and keeps it: for the conversation, which says what is taken."""

    def __init__(
        self,
        bot: Bot,
        home: Path,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Put it together.

        Args:
            bot: Knows where Telegram has them.
            home: The installation's home.
            pauses_s: Seconds between the attempts to fetch a file.
            patience_s: Seconds for which a chat waits for a file.
        """
        self._bot = bot
        self._pauses_s = pauses_s
        self._patience_s = patience_s
        self._attachments = Attachments(home)
        # One per person who is let in, and these are few.
        self._slots_each = defaultdict[UserId, asyncio.Semaphore](lambda: asyncio.Semaphore(_AT_ONCE_EACH))
        self._coming: dict[int, _Coming] = {}
        """By the update's number in the inbox."""

    async def close(self) -> None:
        """Fetch nothing any more; what was not there yet is fetched anew by whoever goes on."""
        await _end([task for coming in self._coming.values() for task in coming.files.values()])

    async def of(
        self, arrived: Arrived, files: Sequence[Offered]
    ) -> list[Attachment | BadInput | NotFetched]:
        """Return an update's files as they were kept, or why one was not; the same one again is kept once.

        Args:
            arrived: The update.
            files: What it brings, or its album; one at least.

        Raises:
            Aside: They take their time.
        """
        # Whatever else is under way in its session has stepped aside: updates are handled there one by one.
        patience_s = 0 if self._is_waited_for(arrived.session_id) else self._patience_s
        coming = self._coming.setdefault(arrived.inbox_id, _Coming(arrived.session_id)).files
        for file in files:
            if file not in coming:
                coming[file] = asyncio.create_task(self._keep_in_turn(arrived, file), name="files.keep")
        _, still_coming = await asyncio.wait(coming.values(), timeout=patience_s)
        if still_coming:
            raise Aside(still_coming)
        del self._coming[arrived.inbox_id]
        return [await _kept_or_refused(coming[file]) for file in files]

    async def forget(self, arrived: Arrived) -> None:
        """Do without an update's files: another one of its album has brought them."""
        if coming := self._coming.pop(arrived.inbox_id, None):
            await _end(coming.files.values())

    def _is_waited_for(self, session_id: SessionId) -> bool:
        return any(one.session_id == session_id and one.is_under_way for one in self._coming.values())

    async def _keep_in_turn(self, arrived: Arrived, file: Offered) -> Attachment:
        async with self._slots_each[arrived.user.id], thinking(self._bot, arrived.place):
            return await self._keep(file)

    async def _keep(self, file: Offered) -> Attachment:
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


async def _end(tasks: Collection[asyncio.Task[Attachment]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _kept_or_refused(kept: asyncio.Task[Attachment]) -> Attachment | BadInput | NotFetched:
    try:
        return await kept
    except (BadInput, NotFetched) as error:
        return error


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
