"""Never two bodies that both write, whatever happens to whom: real processes, real signals, a real Valkey."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from infrastructure.embedded import EmbeddedValkey
from shared import lease
from shared.database import Database
from shared.lease import LeaseLost
from shared.live import Live
from shared.locks import LockLost, LocksUnavailable, LockTaken, redis_lock
from tests.engine import until

NAME = "github_sync"
KEY = f"telewright:lock:{NAME}"
TTL_S = 1.5
LONG_S = 30.0

Start = Callable[[str], Awaitable["Holder"]]


class Holder:
    """A process that wants the lock, and the facts it tells."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def tells(self, fact: str) -> int:
        """Wait for a line that begins so, and return its token."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            while line := (await self._process.stdout.readline()).decode().split():
                if line[0] == fact:
                    return int(line[1]) if line[1:] else 0
        raise AssertionError(f"it ended before it told {fact!r}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=6) as database:
        yield database


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    async with Live(redis_url) as live:
        yield live


@pytest.fixture
async def start(database_url: str) -> AsyncIterator[Start]:
    """Starts processes that want the lock."""
    async with AsyncExitStack() as stack:

        async def start(redis_url: str) -> Holder:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.lock_holder", NAME, str(TTL_S)),
                env={**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url},
                stdout=PIPE,
            )
            holder = Holder(process)
            stack.push_async_callback(holder.end)
            return holder

        yield start


@pytest.fixture
def valkey(home: Path) -> EmbeddedValkey:
    """A server that only this test uses, and may stop."""
    valkey = EmbeddedValkey(home)
    valkey.start()
    return valkey


async def test_a_paused_holder_is_followed_and_writes_nothing_when_it_comes_back(
    start: Start, redis_url: str, database: Database
) -> None:
    first = await start(redis_url)
    old = await first.tells("holds")
    await until(partial(_wrote, database, old))
    second = await start(redis_url)

    first.send(signal.SIGSTOP)
    new = await second.tells("holds")
    await until(partial(_wrote, database, new))
    first.send(signal.SIGCONT)

    assert await first.tells("lost") == old
    assert new == old + 1
    await _assert_nobody_wrote_beside_another(database)


async def test_when_valkey_is_stopped_nobody_begins_and_when_it_is_back_one_does(
    start: Start, valkey: EmbeddedValkey, database: Database
) -> None:
    holders = [await start(valkey.url) for _ in range(2)]
    holder, old = await _first_to_hold(holders)
    await until(partial(_wrote, database, old))

    valkey.stop()
    await holder.tells("lost")
    await holder.tells("away")
    before = await _writes(database)
    valkey.start()
    _, new = await _first_to_hold(holders)
    await until(partial(_wrote, database, new))

    assert new > old
    assert {token for token, _ in before} == {old}
    await _assert_nobody_wrote_beside_another(database)


async def test_a_valkey_that_forgot_everything_makes_no_second_writer(
    start: Start, redis_url: str, live: Live, database: Database
) -> None:
    holders = [await start(redis_url) for _ in range(2)]
    _, old = await _first_to_hold(holders)
    await until(partial(_wrote, database, old))

    await live.redis.flushall()
    _, new = await _first_to_hold(holders)
    await until(partial(_wrote, database, new))

    await _assert_nobody_wrote_beside_another(database)


async def test_whoever_comes_second_is_told_and_gets_the_next_token_when_the_first_is_done(
    live: Live, database: Database
) -> None:
    async with redis_lock(live, database, NAME, ttl_s=LONG_S) as first:
        with pytest.raises(LockTaken):
            async with redis_lock(live, database, NAME, ttl_s=LONG_S):
                pass
    async with redis_lock(live, database, NAME, ttl_s=LONG_S) as second:
        assert second.token == first.token + 1


async def test_the_lock_is_free_when_its_body_fails_or_is_cancelled(live: Live, database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with redis_lock(live, database, NAME, ttl_s=LONG_S):
            raise ZeroDivisionError
    holding = asyncio.Event()
    body = asyncio.create_task(_hold(live, database, holding))
    await holding.wait()
    body.cancel()
    with pytest.raises(asyncio.CancelledError):
        await body
    async with redis_lock(live, database, NAME, ttl_s=LONG_S):
        pass


async def test_a_body_outlasts_the_time_of_its_lock_while_it_is_renewed(
    live: Live, database: Database
) -> None:
    async with redis_lock(live, database, NAME, ttl_s=0.4):
        began = asyncio.get_running_loop().time()
        # What is waited for is time itself: three times what an unrenewed lock would live.
        await asyncio.sleep(1.2)
        assert await live.redis.pttl(KEY) > 0
        async with database.connection() as connection:
            (seen,) = await lease.held_now(connection)
    assert asyncio.get_running_loop().time() - began >= 1.2
    assert seen.name == NAME


async def test_a_lock_that_is_taken_away_cancels_the_body(live: Live, database: Database) -> None:
    holding = asyncio.Event()
    body = asyncio.create_task(_hold(live, database, holding, ttl_s=0.6))
    await holding.wait()
    await live.redis.set(KEY, "somebody else")

    with pytest.raises(LockLost):
        await body
    assert await live.redis.get(KEY) == "somebody else"


async def test_a_holder_learns_of_another_one_from_the_database_too(live: Live, database: Database) -> None:
    holding = asyncio.Event()
    body = asyncio.create_task(_hold(live, database, holding, ttl_s=0.6))
    await holding.wait()
    async with database.transaction() as tx:
        await lease.next_token(tx, NAME, holder="another", silence_s=5)

    with pytest.raises(LockLost):
        await body


async def test_a_transaction_of_who_was_followed_is_refused(live: Live, database: Database) -> None:
    async with redis_lock(live, database, NAME, ttl_s=LONG_S) as held:
        async with database.transaction() as tx:
            await lease.next_token(tx, NAME, holder="another", silence_s=5)
        with pytest.raises(LeaseLost):
            async with held.transaction(database):
                pass


async def test_a_token_is_not_taken_by_who_has_lost_the_lock_before_it(
    live: Live, database: Database
) -> None:
    async with redis_lock(live, database, NAME, ttl_s=LONG_S) as before:
        pass
    async with database.transaction() as tx:
        await tx.execute("SELECT FROM leases FOR UPDATE")
        paused = asyncio.create_task(_hold(live, database, asyncio.Event()))
        await until(lambda: live.redis.exists(KEY))
        await until(partial(_waits_for_a_row, database))
        await live.redis.delete(KEY)
    with pytest.raises(LockLost):
        await paused
    async with redis_lock(live, database, NAME, ttl_s=LONG_S) as after:
        assert after.token == before.token + 1


async def test_a_body_that_times_out_by_itself_has_not_lost_its_lock(live: Live, database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with redis_lock(live, database, NAME, ttl_s=LONG_S), asyncio.timeout(0):
            await asyncio.sleep(20)


async def test_without_redis_nothing_begins(valkey: EmbeddedValkey, database: Database) -> None:
    valkey.stop()
    async with Live(valkey.url) as live:
        with pytest.raises(LocksUnavailable):
            async with redis_lock(live, database, NAME, ttl_s=LONG_S):
                pass
    async with database.connection() as connection:
        assert await lease.held_now(connection) == []


async def test_who_holds_it_since_when_is_visible_until_it_is_let_go(live: Live, database: Database) -> None:
    async with redis_lock(live, database, NAME, ttl_s=LONG_S) as held, database.connection() as connection:
        (seen,) = await lease.held_now(connection)
        assert seen.token == held.token
        assert seen.holder.endswith(f":{os.getpid()}")
    async with database.connection() as connection:
        assert await lease.held_now(connection) == []


async def _hold(live: Live, database: Database, holding: asyncio.Event, *, ttl_s: float = LONG_S) -> None:
    async with redis_lock(live, database, NAME, ttl_s=ttl_s):
        holding.set()
        await asyncio.sleep(60)


async def _first_to_hold(holders: Sequence[Holder]) -> tuple[Holder, int]:
    """Wait until one of them tells that it holds the lock from now on."""
    telling = {asyncio.create_task(one.tells("holds")): one for one in holders}
    done, waiting = await asyncio.wait(telling, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await asyncio.wait(telling)
    newest = max(done, key=lambda task: task.result())
    return telling[newest], newest.result()


async def _writes(database: Database) -> list[tuple[int, int]]:
    """Return the tokens that wrote, in the order in which they did."""
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT reader::bigint, position FROM cursors ORDER BY position")
        return await cursor.fetchall()


async def _wrote(database: Database, token: int) -> bool:
    return token in {one for one, _ in await _writes(database)}


async def _waits_for_a_row(database: Database) -> bool:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return await cursor.fetchone() == (1,)


async def _assert_nobody_wrote_beside_another(database: Database) -> None:
    tokens = [token for token, _ in await _writes(database)]
    assert all(before <= after for before, after in pairwise(tokens)), tokens
