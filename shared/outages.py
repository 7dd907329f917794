"""Going on through outages of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import structlog

from shared.database import DatabaseUnavailable

OUTAGE = (psycopg.OperationalError, psycopg.InterfaceError, DatabaseUnavailable)
"""How it shows that the database does not answer; the pool's timeout is one of the first."""

_AGAIN_S = 1.0

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


async def outlast(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Return what an attempt comes to, tried again for as long as the database does not answer.

    Args:
        attempt: What may be done several times, such as a transaction of its own.
    """
    while True:
        try:
            return await attempt()
        except OUTAGE as error:
            log.warning("database.missed", error=str(error).partition("\n")[0])
            await asyncio.sleep(_AGAIN_S)
