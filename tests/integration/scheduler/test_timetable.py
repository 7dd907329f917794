"""Periodic jobs on several replicas: each tick once, and never two bodies at a time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from infrastructure.embedded import EmbeddedValkey
from scheduler.timetable import PeriodicJob, Timetable
from shared.database import Database
from shared.errors import NotNow, Unavailable
from shared.ledger import timetable
from shared.ledger.timetable import Entry, Outcome
from shared.live import Live
from shared.locks import HeldLock
from shared.queue import queue_app
from tests import ticker
from tests.engine import end, until
from tests.forked import Forked
from tests.ticker import EVERY_SECOND


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=12) as database:
        yield database


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    async with Live(redis_url) as live:
        yield live


@pytest.fixture
def replicas(database_url: str, redis_url: str) -> Iterator[dict[int, Forked]]:
    """Two schedulers, by their process ids."""
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    started = [Forked(ticker.main, environment=environment) for _ in range(2)]
    yield {one.pid: one for one in started}
    for one in started:
        if one.poll() is None:
            one.send_signal(signal.SIGCONT)
            end(one)


@pytest.mark.timeout(170)
async def test_replicas_that_are_paused_killed_or_stopped_are_followed_and_never_write_beside_another(
    replicas: dict[int, Forked], database: Database
) -> None:
    first, token = await _writer(database, after=0)
    replicas[first].send_signal(signal.SIGSTOP)
    second, token = await _writer(database, after=token)
    replicas[first].send_signal(signal.SIGCONT)
    assert second != first

    end(replicas[second])
    third, token = await _writer(database, after=token)
    assert third == first
    assert end(replicas[third], signal.SIGTERM) == 0

    tokens = await _writes(database)
    assert all(before <= after for before, after in pairwise(tokens)), tokens
    (entry,) = await _entries(database)
    assert entry.outcome is Outcome.STOPPED
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        assert await cursor.fetchone() == (1,), "whoever comes next goes on"


async def test_each_tick_is_done_once_by_two_replicas(database: Database, live: Live) -> None:
    tokens: list[int] = []

    async def note(held: HeldLock) -> None:
        tokens.append(held.token)

    succeeded = {"task": "timetable.run", "outcome": "succeeded"}
    done = partial(REGISTRY.get_sample_value, "telewright_queue_job_duration_seconds_count", succeeded)
    before = done() or 0
    async with _keeping(database, live, note), _keeping(database, live, note):
        await until(partial(_at_least, tokens, 3))
    assert (done() or 0) - before >= 2
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM procrastinate_periodic_defers")
        assert await cursor.fetchone() == (1,)
    assert tokens == sorted(set(tokens))
    (entry,) = await _entries(database)
    assert (entry.name, entry.cron, entry.failures) == ("test", EVERY_SECOND, 0)


async def test_a_failure_is_noted_and_counted_and_the_job_is_left_alone_for_a_while(
    database: Database, live: Live
) -> None:
    count = partial(
        REGISTRY.get_sample_value, "telewright_job_runs_total", {"job": "test", "outcome": "failed"}
    )
    before = count() or 0
    tries: list[int] = []

    async def fail(held: HeldLock) -> None:
        tries.append(held.token)
        raise Unavailable("GitHub does not answer.")

    async with _keeping(database, live, fail):
        (entry,) = await until(partial(_ended, database))
        assert entry.error == "GitHub does not answer."
        assert (entry.outcome, entry.failures) == (Outcome.FAILED, 1)
        assert entry.ended_at is not None
        assert entry.not_before is not None
        assert 9 < (entry.not_before - entry.ended_at).total_seconds() < 11
        # Ticks go by, and one of them waits for the end of the pause.
        await until(partial(_waits_until_later, database))
        assert len(tries) == 1
        # The pause is over; the next failure makes a longer one.
        async with database.transaction() as tx:
            await tx.execute("UPDATE timetable SET not_before = NULL")
            await tx.execute("UPDATE procrastinate_jobs SET scheduled_at = now()")
        (entry,) = await until(partial(_failed, database, 2))
    assert entry.ended_at is not None
    assert entry.not_before is not None
    assert 19 < (entry.not_before - entry.ended_at).total_seconds() < 21
    assert count() == before + 2


async def test_a_job_that_has_to_wait_has_not_failed_and_is_done_again_as_soon_as_it_may(
    database: Database, live: Live
) -> None:
    tries: list[int] = []

    async def wait_once(held: HeldLock) -> None:
        tries.append(held.token)
        if len(tries) == 1:
            raise NotNow("GitHub takes no more requests.", until=datetime.now(UTC) + timedelta(seconds=3))

    async with _keeping(database, live, wait_once):
        (entry,) = await until(partial(_ended, database))
        assert (entry.outcome, entry.failures) == (Outcome.STOPPED, 0)
        assert entry.error == "GitHub takes no more requests."
        await until(partial(_at_least, tries, 2), within_s=8)


async def test_a_job_may_be_left_alone_for_less_than_an_hour(database: Database, live: Live) -> None:
    tries: list[int] = []

    async def fail(held: HeldLock) -> None:
        tries.append(held.token)
        raise Unavailable

    async with _keeping(database, live, fail, longest_pause_s=0.5):
        await until(partial(_at_least, tries, 2), within_s=8)


async def test_a_replica_that_cannot_do_a_job_leaves_its_tick_to_others(
    database: Database, live: Live
) -> None:
    done: list[int] = []

    async def note(held: HeldLock) -> None:
        done.append(held.token)

    async def never() -> bool:
        return False

    async with _keeping(database, live, note, can_be_done_here=never):
        await until(partial(_waits_until_later, database))
    assert not done
    async with _keeping(database, live, note):
        await until(partial(_at_least, done, 1))


async def test_no_error_text_of_others_is_kept(database: Database, live: Live) -> None:
    async def fail(_: HeldLock) -> None:
        raise ValueError("a value that may be secret")

    async with _keeping(database, live, fail):
        (entry,) = await until(partial(_ended, database))
    assert entry.error == "ValueError"


async def test_without_redis_nothing_begins_and_with_it_the_tick_that_was_missed_is_done(
    database: Database, home: Path
) -> None:
    done: list[int] = []

    async def note(held: HeldLock) -> None:
        done.append(held.token)

    valkey = EmbeddedValkey(home)
    async with Live(valkey.url) as live, _keeping(database, live, note):
        await until(partial(_waits_until_later, database))
        assert not done
        valkey.start()
        await until(partial(_at_least, done, 1))


async def test_a_tick_behind_a_lock_that_is_taken_comes_again(database: Database, live: Live) -> None:
    done: list[int] = []

    async def note(held: HeldLock) -> None:
        done.append(held.token)

    await live.redis.set("telewright:lock:test", "somebody", px=60_000)
    async with _keeping(database, live, note):
        await until(partial(_waits_until_later, database))
        assert not done
        await live.redis.delete("telewright:lock:test")
        await until(partial(_at_least, done, 1))


@asynccontextmanager
async def _keeping(
    database: Database,
    live: Live,
    body: Callable[[HeldLock], Awaitable[None]],
    longest_pause_s: float = timetable.LONGEST_PAUSE_S,
    can_be_done_here: Callable[[], Awaitable[bool]] | None = None,
) -> AsyncIterator[None]:
    """Be a replica with one job, due every second."""
    queue = queue_app()
    job = PeriodicJob("test", EVERY_SECOND, 2.0, body, longest_pause_s, can_be_done_here)
    async with queue.open_async(database.pool):
        running = asyncio.create_task(Timetable(database, live, [job]).run(queue))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def _writer(database: Database, *, after: int) -> tuple[int, int]:
    """Wait until somebody writes under a newer token; return whose process that is, and the token."""

    async def look() -> tuple[int, int] | None:
        async with database.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT split_part(holder, ':', 2)::int, token::int FROM leases
                 WHERE name = 'writer' AND token > %s AND EXISTS (SELECT FROM cursors WHERE reader = token::text)
                """,
                [after],
            )
            return await cursor.fetchone()

    found = await until(look, within_s=60)
    assert found is not None
    return found


async def _writes(database: Database) -> list[int]:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT reader::int FROM cursors ORDER BY position")
        return [row[0] for row in await cursor.fetchall()]


async def _entries(database: Database) -> list[Entry]:
    async with database.connection() as connection:
        return await timetable.entries(connection)


async def _ended(database: Database) -> list[Entry]:
    return [one for one in await _entries(database) if one.outcome]


async def _failed(database: Database, times: int) -> list[Entry]:
    return [one for one in await _ended(database) if one.failures == times]


async def _waits_until_later(database: Database) -> bool:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at > now()"
        )
        return await cursor.fetchone() is not None


async def _at_least(noted: list[int], number: int) -> bool:
    return len(noted) >= number
