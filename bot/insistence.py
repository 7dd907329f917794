"""Calls to Telegram that have to succeed some time: tried again, ever more slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from aiogram.exceptions import (
    AiogramError,
    TelegramConflictError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.utils.backoff import Backoff, BackoffConfig
from aiohttp import ClientError
from prometheus_client import Counter

from shared.errors import Unavailable
from shared.reasons import reason_of

MISSED = Counter(
    "telewright_bot_calls_missed_total", "Calls for updates, or to arrange for them, that failed"
)

_BACKOFF = BackoffConfig(min_delay=0.5, max_delay=30.0, factor=2.0, jitter=0.3)

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


async def insist(
    call: Callable[[], Awaitable[Result]], *, pausing: Callable[[float], None] = lambda _: None
) -> Result:
    """Return what a call comes to, tried again until it succeeds.

    Args:
        call: The call; it may be made several times.
        pausing: Told the seconds of each pause before it begins.
    """
    backoff = Backoff(_BACKOFF)
    while True:
        try:
            result = await call()
        # Aiogram wraps most of what its HTTP library raises, and not what shows while a body is written or read.
        except (AiogramError, Unavailable, OSError, ClientError) as error:
            MISSED.inc()
            pause_s = error.retry_after if isinstance(error, TelegramRetryAfter) else max(0.0, next(backoff))
            log.warning("telegram.missed", error=_reason(error), again_in_s=round(pause_s, 1))
            pausing(pause_s)
            await asyncio.sleep(pause_s)
        else:
            if backoff.counter:
                log.info("telegram.recovered", attempts=backoff.counter)
            return result


def _reason(error: Exception) -> str:
    match error:
        case TelegramConflictError():
            return f"another process fetches updates with this token, or a webhook is set: {error.message}"
        case TelegramUnauthorizedError() | TelegramNotFound():
            return f"Telegram does not know TELEGRAM_BOT_TOKEN: {error.message}"
        case _:
            return reason_of(error) or type(error).__name__
