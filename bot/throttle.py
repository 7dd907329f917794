"""Nobody keeps the bot from the others: so much at once, so much over time, for each person."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.types import TelegramObject
from prometheus_client import Counter

from bot import outbox, texts
from bot.arrived import Arrived
from bot.buckets import Bucket
from bot.outgoing import Outgoing, Toast, Words
from shared.database import Database
from shared.ids import UserId

THROTTLED = Counter("telewright_bot_throttled_updates_total", "Updates that were too many at once")

_BURST = 20
_PER_S = 3
_NOTICE_S = 60.0
"""Within this time a person is told once that it was too much."""

log = structlog.get_logger(__name__)

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Throttle(BaseMiddleware):
    """Does not pass on what is over a person's measure, and says so: nothing is left out in silence."""

    def __init__(
        self,
        database: Database,
        *,
        wake_sender: Callable[[int], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put it together.

        Args:
            database: Where the notices are written.
            wake_sender: Called with a chat's id after a notice for it was written.
            now: Seconds of a clock that never goes back.
        """
        self._database = database
        self._wake_sender = wake_sender
        self._now = now
        # One of each per person who is let in, and these are few.
        self._buckets: dict[UserId, Bucket] = {}
        self._noticed: dict[UserId, float] = {}

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:  # noqa: ANN401 - aiogram's
        """Pass an update on, or say that it was too much."""
        arrived: Arrived = data["arrived"]
        if self._bucket(arrived.user.id).take():
            return await handler(event, data)
        THROTTLED.inc()
        await self._notice(arrived)
        return None

    def _bucket(self, user_id: UserId) -> Bucket:
        if user_id not in self._buckets:
            self._buckets[user_id] = Bucket(_BURST, _PER_S, now=self._now)
        return self._buckets[user_id]

    async def _notice(self, arrived: Arrived) -> None:
        pressed, user_id = arrived.update.callback_query, arrived.user.id
        told = self._noticed.get(user_id)
        # A button that was pressed waits for an answer every time.
        if pressed is None and told is not None and self._now() - told < _NOTICE_S:
            return
        content: Outgoing = (
            Toast(query_id=pressed.id, text=texts.THROTTLED) if pressed else Words(text=texts.THROTTLED)
        )
        async with self._database.transaction() as tx:
            await outbox.put(
                tx,
                key=f"throttled:{arrived.inbox_id}",
                place=arrived.place,
                content=content,
                solicited=True,
                session_id=arrived.session_id,
            )
        if pressed is None:
            self._noticed[user_id] = self._now()
            log.warning("update.throttled", user_id=user_id)
        self._wake_sender(arrived.place.chat_id)
