"""The database and the cache that Telewright brings along, where none are configured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infrastructure.embedded.locks import claim
from infrastructure.embedded.postgres import EmbeddedPostgres
from infrastructure.embedded.valkey import EmbeddedValkey
from shared.cancellation import to_the_end
from shared.errors import Unavailable
from shared.settings import Settings

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "Endpoints", "claim", "embedded", "endpoints", "revive"]

Part = EmbeddedPostgres | EmbeddedValkey


@dataclass(frozen=True)
class Endpoints:
    """Where PostgreSQL and Redis or Valkey are. The URLs may hold passwords."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)


@asynccontextmanager
async def embedded(settings: Settings) -> AsyncIterator[Endpoints]:
    """Claim the home and run what is not configured, until the block is left.

    A server that a killed process left behind is taken over.

    Raises:
        Conflict: Another process runs this home.
        Unavailable: A server does not start.
    """
    parts = _parts(settings)
    with claim(settings.home):
        try:
            await _start(parts)
            yield _endpoints(settings)
        finally:
            for part in parts:
                await asyncio.to_thread(part.stop)


async def endpoints(settings: Settings) -> Endpoints:
    """Return where the database and the cache are, starting nothing.

    Raises:
        Unavailable: They are not configured, and nothing runs for this home.
    """
    for part in _parts(settings):
        if not await asyncio.to_thread(part.running):
            raise Unavailable(
                f"Nothing runs for {settings.home}.",
                advice="Start `telewright up`, or set DATABASE_URL and REDIS_URL.",
            )
    return _endpoints(settings)


async def revive(settings: Settings) -> None:
    """Start again what is not configured and has died.

    Raises:
        Unavailable: A server does not start.
    """
    await _start(_parts(settings))


def _parts(settings: Settings) -> list[Part]:
    parts: list[Part] = []
    if settings.redis_url is None:
        parts.append(EmbeddedValkey(settings.home))
    if settings.database_url is None:
        parts.append(EmbeddedPostgres(settings.home))
    return parts


async def _start(parts: list[Part]) -> None:
    # All are waited for even when one fails, so that none is still starting while it is stopped.
    for outcome in await to_the_end(_outcomes(parts)):
        if outcome is not None:
            raise outcome


async def _outcomes(parts: list[Part]) -> list[BaseException | None]:
    return await asyncio.gather(*(asyncio.to_thread(part.start) for part in parts), return_exceptions=True)


def _endpoints(settings: Settings) -> Endpoints:
    database, redis = settings.database_url, settings.redis_url
    return Endpoints(
        database_url=database.get_secret_value() if database else EmbeddedPostgres(settings.home).url,
        redis_url=redis.get_secret_value() if redis else EmbeddedValkey(settings.home).url,
    )
