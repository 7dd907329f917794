"""What the pool of connections promises."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from shared.database import Connection, Database

pytestmark = pytest.mark.timeout(60)


async def test_a_transaction_that_stands_still_loses_its_locks(database_url: str) -> None:
    async with Database(database_url, idle_s=1) as paused, Database(database_url) as others:
        with pytest.raises(psycopg.Error):
            await _lock_and_stand_still(paused, others)
        async with paused.transaction() as again:
            await _lock(again)


async def _lock_and_stand_still(paused: Database, others: Database) -> None:
    async with paused.transaction() as holder:
        await _lock(holder)
        async with asyncio.timeout(30), others.transaction() as waiting:
            await _lock(waiting)


async def _lock(tx: Connection) -> None:
    await tx.execute("LOCK TABLE runs IN EXCLUSIVE MODE")
