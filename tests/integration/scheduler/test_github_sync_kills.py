"""Whatever dies or stands still in the middle of a sync: nothing is lost, nothing is doubled, one process writes."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from infrastructure.embedded import EmbeddedValkey
from tests import syncer
from tests.engine import end, until
from tests.fakes.github import Project, RemoteGitHub, SetFault, github_in_thread
from tests.forked import Forked
from tests.integration.scheduler.hub import README, Hub, hub_of

REPOSITORIES, PUSHED, LOOKED = 12, 10, 3
REFS = "/repositories/*/git/ref/*"

Start = Callable[[str], Forked]


@dataclass
class Middle:
    """A sync that has looked at a few repositories that were pushed to, and gets no answer about the others."""

    hub: Hub
    pushed: list[Project]
    heads: dict[object, str]
    held: SetFault

    def push_again(self) -> None:
        """Push once more to all of them."""
        self.heads = {one.id: one.push({"c.py": "c = 3\n"}) for one in self.pushed}

    async def moved(self) -> int:
        """How many have the head that is known of them."""
        rows = await self.hub.rows("SELECT id, head FROM repositories")
        return len([number for number, head in rows if self.heads.get(number) == head])

    async def is_begun(self) -> bool:
        return await self.moved() == LOOKED

    async def is_done(self) -> bool:
        return await self.moved() == PUSHED and len(await self.hub.said()) == REPOSITORIES - PUSHED

    async def outcome(self) -> object:
        rows = await self.hub.rows("SELECT outcome FROM timetable WHERE name = 'github_sync'")
        return rows[0][0] if rows else None

    async def assert_nothing_was_lost_or_doubled(self) -> None:
        """Each push was stored once and none after the one that followed it, and each loss was told once."""
        told = await self.hub.said()
        assert len(told) == len(set(told)) == REPOSITORIES - PUSHED
        assert await self.hub.rows("SELECT count(*) FROM repositories") == [(REPOSITORIES,)]
        order = {one.id: [line["sha"] for line in one.log()] for one in self.pushed}
        for number, heads in (await self.hub.noted_heads()).items():
            places = [order[number].index(head) for head in heads]
            assert places == sorted(set(places), reverse=True), "a log begins with the newest"
            assert heads[-1] == self.heads[number]


@pytest.fixture
def start(database_url: str, github: RemoteGitHub, tmp_path: Path) -> Iterator[Start]:
    """Starts schedulers on a Redis."""
    started: list[Forked] = []

    def begin(redis_url: str) -> Forked:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "GITHUB_API_URL": github.url,
            "GITHUB_TOKEN": github.token,
        }
        log = tmp_path / f"{len(started)}.log"
        started.append(Forked(syncer.main, environment=environment, log=log))
        return started[-1]

    yield begin
    for one in started:
        if one.poll() is None:
            one.send_signal(signal.SIGCONT)
            end(one)


@pytest.fixture
def github() -> Iterator[RemoteGitHub]:
    with github_in_thread() as github:
        yield github


@asynccontextmanager
async def middle_of_a_sync(
    github: RemoteGitHub, database_url: str, redis_url: str, begin: Callable[[], object]
) -> AsyncIterator[Middle]:
    """Have repositories known, change them all, and let a sync begin and come as far as the middle."""
    shops = [github.create(f"project-{number}", README) for number in range(REPOSITORIES)]
    async with hub_of(github, database_url, redis_url) as hub:
        for shop in shops:
            await hub.project(shop)
        await hub.settle()
        await hub.note_heads()
        heads: dict[object, str] = {one.id: one.push({"b.py": "b = 2\n"}) for one in shops[:PUSHED]}
        for gone in shops[PUSHED:]:
            gone.delete()
        await hub.rows("UPDATE github_listing SET listed_at = now() - interval '1 hour' RETURNING 1")
        held = github.fail(REFS, None, skip=LOOKED, held=True)
        begin()
        middle = Middle(hub, shops[:PUSHED], heads, held)
        await until(middle.is_begun, within_s=60)
        yield middle


async def test_a_sync_that_is_killed_is_gone_on_with_by_another_process(
    github: RemoteGitHub, database_url: str, redis_url: str, start: Start
) -> None:
    started: list[Forked] = []
    async with middle_of_a_sync(
        github, database_url, redis_url, lambda: started.append(start(redis_url))
    ) as sync:
        end(started[0])
        sync.held.cancel()

        start(redis_url)

        await until(sync.is_done)
        await sync.assert_nothing_was_lost_or_doubled()


async def test_when_valkey_is_killed_the_sync_stops_and_goes_on_once_it_is_back(
    github: RemoteGitHub, database_url: str, home: Path, start: Start
) -> None:
    valkey = EmbeddedValkey(home)
    valkey.start()
    async with middle_of_a_sync(github, database_url, valkey.url, lambda: start(valkey.url)) as sync:
        psutil.Process(int((home / "valkey" / "pid").read_text())).kill()

        async def is_lost() -> bool:
            return await sync.outcome() == "lost"

        await until(is_lost, within_s=20)
        sync.held.cancel()
        assert await sync.is_begun(), "nothing is written without the lock"
        valkey.start()

        await until(sync.is_done)
        await sync.assert_nothing_was_lost_or_doubled()


async def test_a_paused_replica_that_comes_back_stores_nothing_of_what_it_saw_before(
    github: RemoteGitHub, database_url: str, redis_url: str, start: Start, tmp_path: Path
) -> None:
    started: list[Forked] = []
    async with middle_of_a_sync(
        github, database_url, redis_url, lambda: started.append(start(redis_url))
    ) as sync:
        started[0].send_signal(signal.SIGSTOP)
        # What it asked is answered while it stands still, and is old when it reads it.
        sync.held.cancel()
        await until(lambda: _answered(github))
        sync.push_again()
        start(redis_url)
        await until(sync.is_done)

        started[0].send_signal(signal.SIGCONT)

        async def has_ended_its_pass() -> bool:
            return "github.synced" in (tmp_path / "0.log").read_text()

        await until(has_ended_its_pass, within_s=20)
        await sync.assert_nothing_was_lost_or_doubled()


async def _answered(github: RemoteGitHub) -> bool:
    return not any(one["status"] is None for one in github.requests(REFS))
