"""Nobody keeps the bot from the others: so much at once, so much over time, for each person."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiogram import BaseMiddleware
from aiogram.types import TelegramObject
from prometheus_client import Counter

from bot import outbox, presses, texts
from bot.arrived import Arrived
from bot.buckets import Buckets
from bot.outgoing import Outgoing, Toast, Words
from shared.database import Database
from shared.ids import UserId
from shared.ledger import inbox

THROTTLED = Counter("telewright_bot_throttled_updates_total", "Updates that were too many at once")

_BURST = 20
_PER_S = 3

_DECISIONS = 60
_DECISIONS_PER_S = 6
"""What buttons that change something have besides: more than fingers do, and less than a script that never stops."""

_NOTICE_S = 60.0
"""Within this time a person is told once that it was too much."""

log = structlog.get_logger(__name__)

Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Throttle(BaseMiddleware):
    """Does not pass on what is over a person's measure, and says so: nothing is left out in silence.

    Buttons that change something have a measure besides that no person reaches: no clock says when
    they were pressed while the bot was away, where a decision must not be lost.

    What counts is when things were said, not when they are handled: what gathered while the bot was
    away is not too much at once. Telegram's clock says so of messages, which it keeps while nobody
    asks for them; the database's of what was stored and not handled yet. Both may be set, and
    so nobody has less than by a clock that never goes back.
    """

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
        self._all = _Measure(_BURST, _PER_S)
        self._decisions = _Measure(_DECISIONS, _DECISIONS_PER_S)
        # One per person who is let in, and these are few.
        self._noticed: dict[UserId, float] = {}

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:  # noqa: ANN401 - aiogram's
        """Pass an update on, or say that it was too much."""
        arrived: Arrived = data["arrived"]
        # What comes again has passed before.
        if arrived.again or await self._is_within_measure(arrived):
            return await handler(event, data)
        THROTTLED.inc()
        await self._leave_out(arrived)
        return None

    async def _is_within_measure(self, arrived: Arrived) -> bool:
        clocks = self._clocks(arrived)
        if self._all.take(arrived.user.id, clocks):
            return True
        return await self._changes_something(arrived) and self._decisions.take(arrived.user.id, clocks)

    def _clocks(self, arrived: Arrived) -> dict[str, float]:
        clocks = {"handled": self._now(), "received": arrived.received_at.timestamp()}
        if message := arrived.update.message:
            clocks["said"] = message.date.timestamp()
        return clocks

    async def _changes_something(self, arrived: Arrived) -> bool:
        pressed = arrived.update.callback_query
        if pressed is None or not pressed.data:
            return False
        async with self._database.connection() as connection:
            found = await outbox.choice_of(connection, pressed.data)
        return found is not None and presses.changes_something(found[0])

    async def _leave_out(self, arrived: Arrived) -> None:
        """Say that it was too much, and note with it that this is all that comes of it."""
        pressed, user_id = arrived.update.callback_query, arrived.user.id
        told = self._noticed.get(user_id)
        notices: list[Outgoing] = []
        # A button that was pressed waits for an answer every time, and shows none when it has waited long.
        if pressed is not None:
            notices.append(Toast(query_id=pressed.id, text=texts.THROTTLED))
        if told is None or self._now() - told >= _NOTICE_S:
            notices.append(Words(text=texts.THROTTLED, reply_to=arrived.reply_to))
        async with self._database.transaction() as tx:
            for notice in notices:
                await outbox.put(
                    tx,
                    key=f"throttled:{notice.type}:{arrived.inbox_id}",
                    place=arrived.place,
                    content=notice,
                    solicited=True,
                    session_id=arrived.session_id,
                )
            # Else whoever speaks next would do what its sender was told is not done.
            await inbox.mark_handled(tx, arrived.inbox_id)
        if any(isinstance(notice, Words) for notice in notices):
            self._noticed[user_id] = self._now()
            log.warning("update.throttled", user_id=user_id)
        if notices:
            self._wake_sender(arrived.place.chat_id)


class _Measure:
    """So much at once and over time, for each person."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        # One per person who is let in, and these are few.
        self._buckets: dict[UserId, Buckets] = {}

    def take(self, user_id: UserId, clocks: Mapping[str, float]) -> bool:
        if user_id not in self._buckets:
            self._buckets[user_id] = Buckets(self._burst, self._per_s)
        return self._buckets[user_id].take(clocks)
