"""The pool of PostgreSQL connections, and transactions over it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import PipelineStatus
from psycopg_pool import AsyncConnectionPool

from shared.errors import Unavailable

_IDLE_S = 15.0
"""How long a transaction may stand still. Only a paused process's does: its locks must not be for ever."""

FAILING_FAST: dict[str, int] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A server that has vanished from the network is noticed within seconds. Unix sockets have none of this."""

_PLANNED_ONCE: dict[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    # A plan that is made while a table is small is kept when it has grown.
    "enable_seqscan": "off",
    "jit": "off",
}

PLANNED_ANEW: str = """
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'on', true)
"""
"""What a transaction begins with for a statement whose plan depends on what it is given, also where the others
are planned once."""

Connection = AsyncConnection[Any]
"""A connection lent by the pool; a function that writes takes one inside a transaction."""


class DatabaseUnavailable(Unavailable):
    """PostgreSQL cannot be reached."""

    code = "database_unavailable"


class Database:
    """A pool with health checks and bounded lifetimes."""

    def __init__(
        self, url: str, *, connections: int = 10, idle_s: float = _IDLE_S, plans_once: bool = False
    ) -> None:
        """Make the pool; nothing is opened yet.

        Args:
            url: A libpq URL.
            connections: The most connections this process may hold.
            idle_s: Seconds after which the server ends a transaction that stands still.
            plans_once: Whether each statement is planned when it first comes, for whatever it will be given,
                rather than anew each time. For processes whose statements are small, come often and find
                their rows by keys: planning these costs more than running them.
        """
        self.url = url
        self._idle_s = idle_s
        self._plans_once = plans_once
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            kwargs={
                **{k: v for k, v in FAILING_FAST.items() if k not in conninfo_to_dict(url)},
                # Else when it comes for the fifth time.
                **({"prepare_threshold": 0} if plans_once else {}),
            },
            min_size=1,
            max_size=connections,
            max_lifetime=1800,
            max_idle=120,
            timeout=10,
            check=_LookNowAndThen(),
            configure=self._prepare,
            reset=_refuse_pipelines,
            open=False,
        )

    async def __aenter__(self) -> Self:
        """Open the pool and wait for its first connection.

        Raises:
            DatabaseUnavailable: Nothing answers.
        """
        try:
            await self.pool.open(wait=True, timeout=10)
        except psycopg.OperationalError as error:
            await self.pool.close()
            raise DatabaseUnavailable from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection on which every statement is its own transaction."""
        async with self.pool.connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction: all of it happens, or nothing."""
        async with self.pool.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def pipelined_transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction whose statements travel together.

        A statement is sent when a result is fetched, or when the block is left; its error
        shows there as well. For what is done many times a second.
        """
        async with self.pool.connection() as connection, connection.pipeline(), connection.transaction():
            yield connection

    async def _prepare(self, connection: Connection) -> None:
        """Set autocommit: the checkpointer needs it, and a single statement needs no more.

        `transaction()` opens an explicit one.
        """
        await connection.set_autocommit(True)
        settings = {"idle_in_transaction_session_timeout": f"{int(self._idle_s * 1000)}ms"}
        if self._plans_once:
            settings |= _PLANNED_ONCE
        await connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS setting (name, value)",
            [list(settings), list(settings.values())],
        )


async def _refuse_pipelines(connection: Connection) -> None:
    """Have a connection thrown away that comes back in pipeline mode.

    psycopg leaves it so when it is called off on the way in or out. Whoever got it next would wait
    for results that nobody fetches.
    """
    if connection.pgconn.pipeline_status != PipelineStatus.OFF:
        await connection.close()


class _LookNowAndThen:
    """Checks a connection that has not been checked for a while.

    A check costs a round trip. Connections go from hand to hand many times a
    second; one that breaks in between fails its next statement, is thrown
    away, and the job that it was for is tried again.
    """

    _EVERY_S = 2.0

    def __init__(self) -> None:
        self._looked: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    async def __call__(self, connection: Connection) -> None:
        now = time.monotonic()
        if now - self._looked.get(connection, -self._EVERY_S) >= self._EVERY_S:
            await AsyncConnectionPool.check_connection(connection)
            self._looked[connection] = now
