"""PostgreSQL restarted in the middle, Valkey gone for good."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey
from shared.ledger.runs import Run, Status
from shared.migrations import upgrade
from tests import workflows
from tests.engine import Engine, end, ended, open_engine, process, until
from tests.forked import Forked

pytestmark = pytest.mark.timeout(120)

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_LISTENS = f"{_OTHERS} AND query LIKE '%LISTEN %'"
_BEATS = f"{_OTHERS} AND wait_event_type = 'Lock' AND query LIKE '%heartbeat%'"


@pytest.fixture
def postgres(home: Path) -> EmbeddedPostgres:
    """A server that only this test uses, and may stop."""
    postgres = EmbeddedPostgres(home, expendable=True)
    postgres.start()
    return postgres


@pytest.fixture
def valkey(home: Path) -> EmbeddedValkey:
    """A server that only this test uses, and may stop."""
    valkey = EmbeddedValkey(home)
    valkey.start()
    return valkey


@pytest.fixture
def started() -> Iterator[list[Forked]]:
    """Processes to end when the test is over."""
    started: list[Forked] = []
    yield started
    for one in started:
        if one.poll() is None:
            end(one, signal.SIGKILL)


async def test_work_goes_on_when_postgres_was_restarted_in_the_middle(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, started: list[Forked], tmp_path: Path
) -> None:
    await upgrade(postgres.url)
    async with open_engine(postgres.url, valkey.url) as engine:
        accepted = [
            await engine.accept(workflows.build_effects, {"directory": str(tmp_path), "name": str(n)})
            for n in range(8)
        ]
    started += [process(role, postgres.url, valkey.url) for role in ("worker", "scheduler")]
    await until(partial(_steps, postgres.url, 3))

    postgres.stop()
    postgres.start()

    async with open_engine(postgres.url, valkey.url) as engine:
        await until(partial(_all_ended, engine, accepted))
        for run in accepted:
            assert (await engine.run(run)).status is Status.SUCCEEDED
            story = await engine.events(run)
            assert [event.seq for event in story] == list(range(1, len(story) + 1))
    assert [one.poll() for one in started] == [None, None]


async def test_a_worker_whose_beat_and_ears_met_an_outage_beats_and_listens_again(
    database_url: str, redis_url: str, started: list[Forked]
) -> None:
    started.append(process("worker", database_url, redis_url))
    connect = partial(psycopg.AsyncConnection.connect, database_url, autocommit=True)
    async with await connect() as looking, await connect() as locking:
        await until(partial(_any, looking, f"SELECT {_LISTENS}"))
        await _let_in(database_url, allowed=False)
        async with locking.transaction():
            await locking.execute("LOCK TABLE procrastinate_workers IN EXCLUSIVE MODE")
            await until(partial(_any, looking, f"SELECT pg_terminate_backend(pid) {_BEATS}"))
            await looking.execute(f"SELECT pg_terminate_backend(pid) {_LISTENS}")
        await asyncio.sleep(1)  # the outage's length
        await _let_in(database_url, allowed=True)
        await looking.execute("CREATE TEMPORARY TABLE outage AS SELECT now() AS over_at")

        await until(partial(_any, looking, f"SELECT {_LISTENS}"))
        beaten = "SELECT FROM procrastinate_workers, outage WHERE last_heartbeat > over_at"
        await until(partial(_any, looking, beaten))
    assert started[0].poll() is None


async def test_a_job_let_go_of_in_an_outage_is_queued_again_after_it(
    engine: Engine, database_url: str
) -> None:
    await engine.accept(workflows.build_approval)
    async with engine.queue.open_async(engine.database.pool):
        manager = engine.queue.job_manager
        job = await manager.fetch_job(queues=None, worker_id=await manager.register_worker())
        assert job is not None
        await _let_in(database_url, allowed=False)
        outside = psycopg.conninfo.make_conninfo(database_url, dbname="postgres")
        name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
        async with await psycopg.AsyncConnection.connect(outside, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )

        letting_go = asyncio.create_task(manager.retry_job(job))
        await asyncio.wait([letting_go], timeout=1)  # the outage's length
        await _let_in(database_url, allowed=True)
        await letting_go

    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute("SELECT status FROM procrastinate_jobs")
        assert await cursor.fetchall() == [("todo",)]


async def test_everything_works_when_valkey_is_gone_for_good(
    database_url: str, valkey: EmbeddedValkey, started: list[Forked]
) -> None:
    started += [process(role, database_url, valkey.url) for role in ("worker", "scheduler")]
    async with open_engine(database_url, valkey.url) as engine:
        valkey.stop()
        run = await engine.accept(workflows.build_approval)
        [question] = await until(lambda: engine.waiting(run))
        await engine.decide(question, "yes")
        await until(partial(_all_ended, engine, [run]))
        with engine.live.watching(run.session_id) as watch:
            await watch.wait()  # returns by itself: readers look every second


async def _steps(url: str, least: int) -> bool:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute(
            "SELECT count(*) >= %s FROM events WHERE type = 'step.finished'", [least]
        )
        row = await cursor.fetchone()
    return bool(row and row[0])


async def _let_in(url: str, *, allowed: bool) -> None:
    """Let connections in or not; not even an administrator can do that from inside the database."""
    outside = psycopg.conninfo.make_conninfo(url, dbname="postgres")
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    async with await psycopg.AsyncConnection.connect(outside, autocommit=True) as connection:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")


async def _any(connection: psycopg.AsyncConnection[Any], query: str) -> bool:
    return (await connection.execute(query)).rowcount > 0


async def _all_ended(engine: Engine, accepted: list[Run]) -> bool:
    return all([ended(await engine.run(run)) for run in accepted])
