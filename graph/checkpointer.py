"""LangGraph's PostgreSQL saver, whose writes carry the run's claim."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from shared.ledger.claims import Claim


class FencedPostgresSaver(AsyncPostgresSaver):
    """A saver for one run: a worker that has lost its claim saves nothing.

    One instance a run: the base class lets one operation through at a time, so
    that a shared one would make runs wait for each other.
    """

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], claim: Claim) -> None:
        """Make a saver.

        Args:
            pool: Lends a connection for the time of each operation.
            claim: What every write is fenced by.
        """
        super().__init__(pool)
        self._pool = pool
        self._claim = claim

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """Lend a cursor; the base class asks for a pipeline wherever it writes.

        The fence stands in the same transaction as the writes and in the same
        round trip. It raises SQLSTATE TW001 when the claim is lost.
        """
        async with self.lock, self._pool.connection() as connection:
            if not pipeline:
                async with connection.cursor(binary=True, row_factory=dict_row) as cursor:
                    yield cursor
                return
            async with (
                connection.pipeline(),
                connection.transaction(),
                connection.cursor(binary=True, row_factory=dict_row) as cursor,
            ):
                await cursor.execute("SELECT assert_claim(%s, %s)", [self._claim.run.id, self._claim.token])
                yield cursor
