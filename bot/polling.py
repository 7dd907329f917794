"""Long polling that asks for the next updates only when the last ones are stored."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any, Final

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError
from aiogram.methods.base import TelegramMethod
from aiogram.types import Update
from prometheus_client import Counter

from bot.access import HEARD
from bot.insistence import insist
from bot.reception import Reception
from bot.updates import number_of, read_update
from shared.errors import Unavailable
from shared.outages import outlast

_WAIT_S: Final = 30
"""How long Telegram keeps a request open until there is something."""
_MARGIN_S: Final = 15.0
"""How much later than that an answer may come."""
_GATHERED_S: Final = 0.02
"""Answers are so far apart: what people say within this time is fetched and stored together."""

RESTARTED = Counter(
    "telewright_bot_polling_restarts_total", "Times that polling stood still and was started anew"
)

log = structlog.get_logger(__name__)


class GetRawUpdates(TelegramMethod[list[Any]]):
    """`getUpdates`, unparsed: one update that aiogram cannot read must not hide the others."""

    __returning__ = list[Any]
    __api_method__ = "getUpdates"

    offset: int | None = None
    timeout: int
    allowed_updates: list[str]


class NoNumbers(Unavailable):
    """Telegram's server sends updates without numbers."""

    code = "updates_without_numbers"
    advice = "Look at the server that TELEGRAM_API_URL names."


class Polling:
    """Fetches updates from Telegram. One process at a time may do so."""

    def __init__(
        self, bot: Bot, reception: Reception, *, wait_s: int = _WAIT_S, margin_s: float = _MARGIN_S
    ) -> None:
        """Put it together.

        Args:
            bot: Whose updates are fetched.
            reception: Where they are stored.
            wait_s: Seconds for which Telegram may keep a request open.
            margin_s: Seconds after which an answer is overdue; after twice that, polling stands still.
        """
        self._bot = bot
        self._reception = reception
        self._wait_s = wait_s
        self._margin_s = margin_s
        self._offset: int | None = None
        """The first update that is not stored; None for whatever Telegram has kept."""
        self._alive_at = time.monotonic()

    async def run(self) -> None:
        """Fetch and store, until cancelled."""
        while True:
            polling = asyncio.create_task(self._poll(), name="polling")
            try:
                await self._watch(polling)
            finally:
                polling.cancel()
                await asyncio.wait([polling], timeout=self._margin_s)
            RESTARTED.inc()
            log.error("polling.stood_still", for_s=round(time.monotonic() - self._alive_at, 1))

    async def _watch(self, polling: asyncio.Task[None]) -> None:
        """Return when polling stands still; raise what it ends with."""
        self._alive_at = time.monotonic()
        while (left_s := self._alive_at + self._wait_s + 2 * self._margin_s - time.monotonic()) > 0:
            ended, _ = await asyncio.wait([polling], timeout=left_s)
            if ended:
                polling.result()

    async def _poll(self) -> None:
        await insist(self._leave_webhook, pausing=self._pause)
        log.info("polling.started")
        while True:
            raw = await insist(self._fetch, pausing=self._pause)
            answered_at = time.monotonic()
            await self._store([update for one in raw if (update := read_update(one, self._bot))])
            # Only now: what is before the offset is forgotten by Telegram.
            if raw:
                self._offset = 1 + max(number for one in raw if (number := number_of(one)) is not None)
                await asyncio.sleep(answered_at + _GATHERED_S - time.monotonic())

    async def _leave_webhook(self) -> None:
        """Have updates kept for us that would go to a webhook; what it did not get yet is kept as well."""
        await self._bot.delete_webhook(drop_pending_updates=False)

    async def _fetch(self) -> list[Any]:
        self._alive_at = time.monotonic()
        method = GetRawUpdates(offset=self._offset, timeout=self._wait_s, allowed_updates=list(HEARD))
        try:
            raw = await self._bot(method, request_timeout=self._wait_s + math.ceil(self._margin_s))
        except TelegramConflictError as error:
            if "webhook" in error.message:
                await self._leave_webhook()
            raise
        if raw and all(number_of(one) is None for one in raw):
            raise NoNumbers
        return raw

    async def _store(self, updates: list[Update]) -> None:
        """Store what was read; without a database it waits here, and Telegram keeps the updates."""

        async def attempt() -> None:
            self._alive_at = time.monotonic()
            await self._reception.take(updates)

        await outlast(attempt)

    def _pause(self, pause_s: float) -> None:
        """Be as good as alive for so long."""
        self._alive_at = time.monotonic() + pause_s
