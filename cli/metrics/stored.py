"""What the ledgers hold, for whoever asks: read when asked, and left out where it cannot be read in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, Final

import psycopg
import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from infrastructure.embedded import Endpoints
from shared.ledger import census
from shared.ledger.census import Count, Figure

FRESH_S: Final = 5.0
"""How long what was read is good enough: several readers cost no more than one."""

_LIMIT_S: Final = 2.0
"""How long the reading of everything may take; Prometheus waits for 10 s."""

_STATEMENT_MS: Final = 500
"""How long one figure may take."""

_CALL_OFF_S: Final = 0.2

_DATABASE, _REDIS = "telewright_database_up", "telewright_redis_up"

ANSWERS: Final = {
    _DATABASE: "1 where PostgreSQL answers; 0 where it does not, and what is stored is left out",
    _REDIS: "1 where Redis or Valkey answers",
}
"""What is said of the servers themselves."""

log = structlog.get_logger(__name__)


class Stored(Collector):
    """The census of the ledgers, and whether the servers answer."""

    def __init__(self, endpoints: Endpoints, *, fresh_s: float = FRESH_S) -> None:
        """Make it; nothing is opened yet.

        Args:
            endpoints: Where the servers are.
            fresh_s: For how many seconds what was read is good enough.
        """
        self._endpoints = endpoints
        self._fresh_s = fresh_s
        self._metrics: list[Metric] = []
        self._read_at = float("-inf")
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> None:
        """Read everything, unless that was done a moment ago; in limited time, whatever the servers do."""
        async with self._one_at_a_time:
            if time.monotonic() - self._read_at < self._fresh_s:
                return
            figures: list[Metric] = []
            database_answers, redis_answers = await asyncio.gather(
                _within(_LIMIT_S, _count(self._endpoints.database_url, figures)),
                _within(_LIMIT_S, _ping(self._endpoints.redis_url)),
            )
            answers = {_DATABASE: database_answers, _REDIS: redis_answers}
            self._metrics = figures + [
                GaugeMetricFamily(name, meaning, value=answers[name]) for name, meaning in ANSWERS.items()
            ]
            self._read_at = time.monotonic()

    def collect(self) -> Iterator[Metric]:
        """Return what was read last."""
        yield from self._metrics


async def _within(limit_s: float, work: Coroutine[Any, Any, bool]) -> bool:
    """Return what a piece of work comes to; `False` when it takes too long."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=limit_s)
        return task.result() if task.done() else False
    finally:
        # A statement that is called off may hang as it did before, for as long as a network keeps silent;
        # whoever calls it off again is heard.
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_CALL_OFF_S)


async def _count(database_url: str, counted: list[Metric]) -> bool:
    """Count all figures, and return whether the database answers; what is counted is kept at once."""
    try:
        async with await psycopg.AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=2
        ) as connection:
            await connection.execute(
                "SELECT set_config('statement_timeout', %s, false)", [f"{_STATEMENT_MS}ms"]
            )
            for figure in census.FIGURES:
                # One that a lock or a busy disk keeps from being counted keeps no other from it.
                with suppress(psycopg.errors.QueryCanceled):
                    counted.append(_family(figure, await census.count(connection, figure)))
    except psycopg.Error as error:
        log.warning("database.missed", error=str(error).partition("\n")[0])
        return False
    return True


async def _ping(redis_url: str) -> bool:
    client = Redis.from_url(
        redis_url, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    )
    try:
        async with client:
            return bool(await client.ping())
    except (RedisError, OSError):
        return False


def _family(figure: Figure, counts: list[Count]) -> Metric:
    family = GaugeMetricFamily(figure.name, figure.meaning, labels=figure.labels)
    for count in counts:
        family.add_metric(count.labels, count.number)
    return family
