"""What the pool of connections promises."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from shared.database import PLANNED_ANEW, Connection, Database
from shared.outages import OUTAGE

pytestmark = pytest.mark.timeout(60)


async def test_a_transaction_that_stands_still_loses_its_locks(database_url: str) -> None:
    async with Database(database_url, idle_s=1) as paused, Database(database_url) as others:
        with pytest.raises(psycopg.Error):
            await _lock_and_stand_still(paused, others)
        async with paused.transaction() as again:
            await _lock(again)


async def test_whatever_is_called_off_leaves_connections_that_work(database_url: str) -> None:
    async def work(database: Database) -> None:
        async with database.pipelined_transaction() as tx:
            await tx.execute("SELECT 1")
            await (await tx.execute("SELECT 2")).fetchone()

    async with Database(database_url, connections=1) as database:
        for turns in range(40):
            # Called off a little later each time, on the way in, in the middle, or on the way out.
            task = asyncio.create_task(work(database))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with database.connection() as connection:
                assert (await connection.execute("SELECT 3")).rowcount == 1


@pytest.mark.parametrize("asks_more", [True, False])
async def test_a_statement_that_is_refused_in_a_pipeline_is_no_outage(
    database_url: str, asks_more: bool
) -> None:
    async def work(database: Database) -> None:
        async with database.pipelined_transaction() as tx:
            # Nobody waits for it: what is wrong shows later, and must still be what was wrong.
            await tx.execute("SELECT 1 / 0")
            if asks_more:
                await (await tx.execute("SELECT 2")).fetchone()

    async with Database(database_url, connections=1) as database:
        with pytest.raises(psycopg.DataError) as refusal:
            await work(database)
    assert not isinstance(refusal.value, OUTAGE)


async def _lock_and_stand_still(paused: Database, others: Database) -> None:
    async with paused.transaction() as holder:
        await _lock(holder)
        async with asyncio.timeout(30), others.transaction() as waiting:
            await _lock(waiting)


async def _lock(tx: Connection) -> None:
    await tx.execute("LOCK TABLE runs IN EXCLUSIVE MODE")


@pytest.mark.parametrize("plans_once", [True, False])
async def test_what_comes_often_is_planned_once_where_that_is_wanted(
    database_url: str, *, plans_once: bool
) -> None:
    # Planned for what it is given, this one looks cheaper each time: an array of one.
    often = "SELECT FROM unnest(%s::int[]) AS one (id) JOIN runs ON runs.number = one.id"
    async with Database(database_url, plans_once=plans_once) as database, database.connection() as connection:
        for _ in range(20):
            await connection.execute(often, [[1]])
        cursor = await connection.execute(
            """
            SELECT generic_plans > 0 AND custom_plans = 0 FROM pg_prepared_statements WHERE strpos(statement, %s) > 0
            """,
            ["runs.number"],
        )
        assert await cursor.fetchall() == [(plans_once,)]


async def test_what_is_planned_once_is_planned_for_tables_that_grow(database_url: str) -> None:
    async with Database(database_url, plans_once=True) as database, database.transaction() as tx:
        assert await _plan(tx) == "Index Only Scan using runs_number_key on runs"
        await tx.execute(PLANNED_ANEW)
        assert await _plan(tx) == "Seq Scan on runs"


async def _plan(tx: Connection) -> str:
    """Return how rows are found in a table that is as small as it gets."""
    await tx.execute("CREATE TEMPORARY TABLE IF NOT EXISTS runs (number INT UNIQUE)")
    await tx.execute("ANALYZE runs")
    cursor = await tx.execute("EXPLAIN (COSTS OFF) SELECT FROM runs WHERE number = 1")
    [(first,), *_] = await cursor.fetchall()
    return str(first)
