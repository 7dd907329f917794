"""PostgreSQL restarted in the middle, Valkey gone for good."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey
from shared.ledger.runs import Run, Status
from shared.migrations import upgrade
from tests import workflows
from tests.engine import Engine, end, ended, open_engine, process, until

pytestmark = pytest.mark.timeout(120)


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
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes to end when the test is over."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for one in started:
        if one.poll() is None:
            end(one, signal.SIGKILL)


async def test_work_goes_on_when_postgres_was_restarted_in_the_middle(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, started: list[subprocess.Popen[bytes]], tmp_path: Path
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
        await until(partial(_all_ended, engine, accepted), within_s=60)
        for run in accepted:
            assert (await engine.run(run)).status is Status.SUCCEEDED
            story = await engine.events(run)
            assert [event.seq for event in story] == list(range(1, len(story) + 1))
    assert [one.poll() for one in started] == [None, None]


async def test_everything_works_when_valkey_is_gone_for_good(
    database_url: str, valkey: EmbeddedValkey, started: list[subprocess.Popen[bytes]]
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


async def _all_ended(engine: Engine, accepted: list[Run]) -> bool:
    return all([ended(await engine.run(run)) for run in accepted])
