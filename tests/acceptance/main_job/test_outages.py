"""The main job while PostgreSQL is restarted, and when Valkey is gone for good."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey
from shared import migrations
from shared.ledger import events
from tests import parts
from tests.acceptance.main_job.person import Person, person_at
from tests.acceptance.main_job.visitors import Visitors, heading_at
from tests.installation import Installation
from tests.parts import SharedParts

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Servers:
    """A database and a cache that only this module uses, and may stop."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home: Path = tmp_path_factory.mktemp("servers") / "home"
    home.mkdir(mode=0o700)
    servers = Servers(EmbeddedPostgres(home, expendable=True), EmbeddedValkey(home))
    servers.postgres.start()
    servers.valkey.start()
    asyncio.run(migrations.upgrade(servers.postgres.url))
    yield servers
    parts.stop_servers(home)


@pytest.fixture(scope="module")
def installation(
    servers: Servers, shared_parts: SharedParts, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    home: Path = tmp_path_factory.mktemp("installation") / "home"
    home.mkdir(mode=0o700)
    shared_parts.lend_packages(home)
    return Installation(home, servers.postgres.url, servers.valkey.url)


async def test_the_main_job_goes_on_when_postgres_was_restarted_and_when_valkey_is_gone(
    running: Installation, servers: Servers
) -> None:
    async with person_at(running) as petra:
        first = asyncio.create_task(petra.gets("/new static-site first"))
        for step in ("Test", "Deploy"):
            await _is_at(petra, step)
            await asyncio.to_thread(servers.postgres.stop)
            await asyncio.to_thread(servers.postgres.start)
        url = await _ended_well(running, petra, (await first).run.number)

        visitors = Visitors(url)
        async with visitors.about():
            await asyncio.to_thread(servers.valkey.stop)
            second = await petra.gets("/new static-site second")
        await _ended_well(running, petra, second.run.number)
        assert visitors.failures == []
        assert await heading_at(url) == "first"
        # An outage that is over must not make its worker look dead for ever.
        assert not any(
            "picked up again" in one.plain for one in petra.heard if one.run_number == second.run.number
        )


async def _is_at(petra: Person, step: str) -> None:
    """Wait until a run has begun a step."""
    async with asyncio.timeout(120):
        while not any(reply.plain == f"{step} …" for reply in petra.heard):
            await asyncio.sleep(0.05)


async def _ended_well(running: Installation, petra: Person, number: int) -> str:
    run = await petra.looks_up(number)
    assert run.status == "succeeded", run.reason
    assert run.result is not None
    async with running.ledgers() as tx:
        told = await events.after(tx, run.id, 0, limit=10_000)
    assert [one.seq for one in told] == list(range(1, run.last_event + 1))
    assert all(one.poll() is None for each in running.processes.values() for one in each)
    assert await heading_at(str(run.result["url"])) == run.result["project"]
    return str(run.result["url"])
