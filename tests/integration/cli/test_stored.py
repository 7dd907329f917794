"""What is stored is counted when somebody asks, in limited time, and is left out rather than wrong."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, CollectorRegistry
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cli.metrics.stored import Stored
from infrastructure.embedded import Endpoints
from shared.ledger.claims import request_cancel
from shared.ledger.runs import Run
from shared.locks import redis_lock
from tests.engine import OWNER, Engine, open_engine
from tests.workflows import build_approval, build_pausing

NOWHERE = "redis://127.0.0.1:1"


class Reader:
    """Reads what is stored, this moment."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.stored = Stored(Endpoints(database_url, redis_url), fresh_s=0)
        self._registry = CollectorRegistry()
        self._registry.register(self.stored)

    async def value(self, metric: str, /, **labels: str) -> float | None:
        await self.stored.read()
        return self.last(metric, **labels)

    def last(self, metric: str, /, **labels: str) -> float | None:
        return self._registry.get_sample_value(metric, labels)

    async def holders(self) -> dict[str, str]:
        """Return who holds which lock."""
        await self.stored.read()
        samples = [sample for metric in self._registry.collect() for sample in metric.samples]
        locks = [sample.labels for sample in samples if sample.name == "telewright_lock_age_seconds"]
        return {labels["name"]: labels["holder"] for labels in locks}


@pytest.fixture
def reader(database_url: str, redis_url: str) -> Reader:
    return Reader(database_url, redis_url)


@pytest.fixture
async def engine(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    async with open_engine(database_url, redis_url) as engine:
        yield engine


async def test_a_run_is_counted_where_it_is_and_its_question_and_its_job_as_well(
    reader: Reader, engine: Engine
) -> None:
    assert await reader.value("telewright_runs", state="queued") == 0
    run = await engine.accept(build_approval)
    assert await reader.value("telewright_runs", state="queued") == 1
    assert reader.last("telewright_queue_jobs", queue="runs", state="due") == 1

    await engine.drain()
    assert await reader.value("telewright_runs", state="waiting") == 1
    assert reader.last("telewright_runs", state="queued") == 0
    assert reader.last("telewright_approvals_waiting") == 1
    assert reader.last("telewright_queue_jobs", queue="runs", state="due") == 0

    await _cancel(engine, run)
    assert await reader.value("telewright_runs", state="waiting") == 0
    assert reader.last("telewright_runs", state="cancelled") is None
    assert reader.last("telewright_approvals_waiting") == 0


async def test_a_run_that_waits_for_a_moment_is_told_from_one_that_waits_for_a_person(
    reader: Reader, engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "pauses").write_text("600")
    await engine.accept(build_pausing, {"directory": str(tmp_path)})
    await engine.drain(later=False)
    assert await reader.value("telewright_runs", state="paused") == 1
    assert reader.last("telewright_runs", state="waiting") == 0
    assert reader.last("telewright_queue_jobs", queue="runs", state="scheduled") == 1
    assert reader.last("telewright_queue_jobs", queue="runs", state="due") == 0


async def test_how_a_run_ends_is_counted_once(engine: Engine) -> None:
    cancelled, failed = _ended("cancelled"), _ended("failed")
    run = await engine.accept(build_approval)
    await _cancel(engine, run)
    await _cancel(engine, run)
    assert _ended("cancelled") == cancelled + 1
    assert _ended("failed") == failed


async def test_a_lock_is_shown_with_its_holder_and_its_age_as_long_as_it_is_held(
    reader: Reader, engine: Engine
) -> None:
    async with redis_lock(engine.live, engine.database, "ingest", ttl_s=20):
        await asyncio.sleep(0.1)
        holder = (await reader.holders())["ingest"]
        assert holder.endswith(f":{os.getpid()}")
        age_s = reader.last("telewright_lock_age_seconds", name="ingest", holder=holder)
        assert age_s is not None
        assert 0.1 < age_s < 15
    assert await reader.holders() == {}


async def test_what_a_lock_keeps_from_being_counted_is_left_out_alone(reader: Reader, engine: Engine) -> None:
    await engine.accept(build_approval)
    async with engine.database.transaction() as tx:
        await tx.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        assert await reader.value("telewright_runs", state="queued") is None
        assert reader.last("telewright_queue_jobs", queue="runs", state="due") == 1
        assert reader.last("telewright_database_up") == 1
    assert await reader.value("telewright_runs", state="queued") == 1


async def test_servers_that_are_away_are_said_to_be_and_nothing_of_theirs_is_made_up(
    reader: Reader, database_url: str
) -> None:
    away = Reader("postgresql://127.0.0.1:1/none", NOWHERE)
    assert await away.value("telewright_database_up") == 0
    assert away.last("telewright_redis_up") == 0
    assert away.last("telewright_runs", state="queued") is None

    assert await reader.value("telewright_database_up") == 1
    assert reader.last("telewright_redis_up") == 1


async def test_servers_that_never_answer_hold_nobody_up() -> None:
    async with _silence() as silent:
        reader = Reader(f"postgresql://{silent}/none", f"redis://{silent}")
        began = time.monotonic()
        assert await reader.value("telewright_database_up") == 0
        assert reader.last("telewright_redis_up") == 0
        assert time.monotonic() - began < 5


async def test_a_server_that_falls_silent_in_the_middle_holds_nobody_up(
    database_url: str, redis_url: str
) -> None:
    async with _falling_silent(database_url, after=b"statement_timeout") as silent_url:
        reader = Reader(silent_url, redis_url)
        began = time.monotonic()
        assert await reader.value("telewright_database_up") == 0
        assert reader.last("telewright_redis_up") == 1
        assert time.monotonic() - began < 4


async def test_what_was_read_a_moment_ago_is_not_read_again(
    engine: Engine, database_url: str, redis_url: str
) -> None:
    stored = Stored(Endpoints(database_url, redis_url), fresh_s=60)
    await stored.read()
    first = list(stored.collect())
    await engine.accept(build_approval)
    await asyncio.gather(*(stored.read() for _ in range(20)))
    assert list(stored.collect()) == first


def _ended(outcome: str) -> float:
    return REGISTRY.get_sample_value("telewright_runs_ended_total", {"outcome": outcome}) or 0


async def _cancel(engine: Engine, run: Run) -> None:
    async with engine.database.transaction() as tx:
        await request_cancel(tx, run.id, by=OWNER.id)


@asynccontextmanager
async def _silence() -> AsyncIterator[str]:
    """A server that takes connections and never says a word."""

    async def keep(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()


@asynccontextmanager
async def _falling_silent(database_url: str, *, after: bytes) -> AsyncIterator[str]:
    """A way to a database that passes nothing on any more, for anybody, once it was asked something."""
    given = conninfo_to_dict(database_url)
    silent = asyncio.Event()

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while piece := await source.read(65536):
            if after in piece:
                silent.set()
            if not silent.is_set():
                sink.write(piece)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_unix_connection(f"{given['host']}/.s.PGSQL.{given.get('port') or 5432}")
        try:
            await asyncio.gather(forward(reader, there[1]), forward(there[0], writer))
        finally:
            there[1].close()
            writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield make_conninfo(database_url, host=host, port=port, sslmode="disable", gssencmode="disable")
    finally:
        server.close()
