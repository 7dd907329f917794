"""One holder at a time, whatever happens to it: real processes, real signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from shared.database import Connection, Database
from shared.lease import Lease, LeaseLost, assert_lease
from tests.engine import until

NAME = "speaker"
SILENCE_S = 3.0
"""Shorter than the default, so that the tests are."""


class Holder:
    """A process that wants to hold the lease, and the facts it tells."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def tells(self, fact: str, *, within_s: float = 20) -> str:
        """Return the next line that begins so."""
        assert self._process.stdout is not None
        async with asyncio.timeout(within_s):
            while line := (await self._process.stdout.readline()).decode().strip():
                if line.startswith(fact):
                    return line
        raise AssertionError(f"it ended before it told {fact!r}")

    async def tells_until_it_ends(self) -> list[str]:
        """Return all that it tells from here on."""
        async with asyncio.timeout(20):
            told, _ = await self._process.communicate()
        return told.decode().split()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


Start = Callable[[], Awaitable[Holder]]


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[Start]:
    """Starts processes that want the lease."""
    async with AsyncExitStack() as stack:

        async def start() -> Holder:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.lease_holder", NAME, str(SILENCE_S)),
                env={**os.environ, "DATABASE_URL": database_url},
                stdout=PIPE,
            )
            holder = Holder(process)
            stack.push_async_callback(holder.end)
            return holder

        yield start


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=4) as database:
        yield database


async def test_a_killed_holder_is_followed_at_once(start: Start, database: Database) -> None:
    first = await start()
    await first.tells("holds 1")
    second = await start()
    await until(lambda: _stand_in_line(database, 2))

    first.send(signal.SIGKILL)
    killed = time.monotonic()

    await second.tells("holds 2")
    assert time.monotonic() - killed < SILENCE_S - 1


async def test_a_paused_holder_is_replaced_and_knows_it_when_it_comes_back(
    start: Start, database: Database
) -> None:
    first = await start()
    await first.tells("holds 1")
    await first.tells("wrote")
    second = await start()
    await until(lambda: _stand_in_line(database, 2))

    first.send(signal.SIGSTOP)
    paused = time.monotonic()
    await second.tells("holds 2")
    replaced_s = time.monotonic() - paused
    first.send(signal.SIGCONT)

    assert {"lost", "fenced"} <= set(await first.tells_until_it_ends())
    await second.tells("wrote")
    assert SILENCE_S - 1.5 < replaced_s < SILENCE_S + 5


async def test_a_holder_that_lives_is_left_alone(start: Start, database: Database) -> None:
    first = await start()
    await first.tells("holds 1")
    await start()
    await until(lambda: _stand_in_line(database, 2))

    async with database.connection() as connection:
        before = await _beat(connection)
        await until(lambda: _beats_after(database, before + SILENCE_S))
        cursor = await connection.execute("SELECT token FROM leases WHERE name = %s", [NAME])
        assert await cursor.fetchone() == (1,)


async def test_whoever_leaves_hands_over(database_url: str) -> None:
    async with Lease(database_url, NAME, holder="first").held() as first:
        second = asyncio.create_task(_hold_for_a_moment(database_url))
        done, _ = await asyncio.wait([second], timeout=1)
        assert not done
    assert await asyncio.wait_for(second, 5) == first.token + 1


async def test_leases_of_different_names_do_not_mind_each_other(database_url: str) -> None:
    async with (
        Lease(database_url, "speaker", holder="a").held() as one,
        Lease(database_url, "cleaner", holder="a").held() as other,
    ):
        assert (one.token, other.token) == (1, 1)


async def test_a_holder_whose_connection_is_cut_knows_it(database: Database) -> None:
    async with Lease(database.url, NAME, holder="cut").held() as held:
        async with database.connection() as connection:
            await connection.execute("SELECT pg_terminate_backend(backend_pid) FROM leases")
        await asyncio.wait_for(held.lost.wait(), 10)


async def test_a_holder_whose_beat_hangs_knows_it_before_it_is_replaced(database: Database) -> None:
    lease = Lease(database.url, NAME, holder="hanging", silence_s=SILENCE_S)
    async with lease.held() as held, database.transaction() as tx:
        await tx.execute("SELECT FROM leases FOR UPDATE")
        began = time.monotonic()
        await asyncio.wait_for(held.lost.wait(), 10)
        assert time.monotonic() - began < SILENCE_S


async def test_the_next_token_waits_for_what_the_last_holder_is_writing(database: Database) -> None:
    lease = Lease(database.url, NAME, holder="first")
    async with lease.held() as held:
        async with database.transaction() as tx:
            await assert_lease(tx, NAME, held.token)
            async with database.connection() as connection:
                await connection.execute("SELECT pg_terminate_backend(backend_pid) FROM leases")
            second = asyncio.create_task(_hold_for_a_moment(database.url))
            done, _ = await asyncio.wait([second], timeout=2)
            assert not done
        assert await asyncio.wait_for(second, 10) == held.token + 1


async def test_beats_do_not_wait_for_what_the_holder_is_writing(database: Database) -> None:
    async with Lease(database.url, NAME, holder="writer", silence_s=SILENCE_S).held() as held:
        async with database.transaction() as tx, database.connection() as connection:
            await assert_lease(tx, NAME, held.token)
            before = await _beat(connection)
            await until(lambda: _beats_after(database, before))
        assert not held.lost.is_set()


async def test_another_token_is_refused(database: Database) -> None:
    async with Lease(database.url, NAME, holder="me").held() as held, database.transaction() as tx:
        for other in (held.token - 1, held.token + 1):
            with pytest.raises(LeaseLost):
                await assert_lease(tx, NAME, other)
        with pytest.raises(LeaseLost):
            await assert_lease(tx, "no such lease", held.token)


async def _hold_for_a_moment(database_url: str) -> int:
    async with Lease(database_url, NAME, holder="second").held() as held:
        return held.token


async def _stand_in_line(database: Database, number: int) -> bool:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
            [f"telewright {NAME}"],
        )
        return await cursor.fetchone() == (number,)


async def _beat(connection: Connection) -> float:
    cursor = await connection.execute("SELECT extract(epoch FROM beat_at)::float FROM leases")
    row = await cursor.fetchone()
    assert row is not None
    return float(row[0])


async def _beats_after(database: Database, moment: float) -> bool:
    async with database.connection() as connection:
        return await _beat(connection) > moment
