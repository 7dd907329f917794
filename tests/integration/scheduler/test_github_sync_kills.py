"""A sync that is killed in the middle is gone on with by another process: nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.engine import end, until
from tests.fakes.github import RemoteGitHub, github_in_thread
from tests.integration.scheduler.hub import README, Hub, hub_of

Start = Callable[[RemoteGitHub], subprocess.Popen[bytes]]


@pytest.fixture
def start(database_url: str, redis_url: str) -> Iterator[Start]:
    """Starts schedulers."""
    started = []

    def begin(github: RemoteGitHub) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "GITHUB_API_URL": github.url,
            "GITHUB_TOKEN": github.token,
        }
        started.append(subprocess.Popen([sys.executable, "-m", "tests.syncer"], env=environment))
        return started[-1]

    yield begin
    for one in started:
        if one.poll() is None:
            end(one)


async def test_a_kill_in_the_middle_of_a_sync(database_url: str, redis_url: str, start: Start) -> None:
    with github_in_thread() as github:
        shops = [github.create(f"project-{number}", README) for number in range(20)]
        async with hub_of(github, database_url, redis_url) as hub:
            for shop in shops:
                await hub.project(shop)
            await hub.settle()
            heads: dict[object, str] = {shop.id: shop.push({"b.py": "b = 2\n"}) for shop in shops[:16]}
            for gone in shops[16:]:
                gone.delete()
            await hub.rows("UPDATE github_listing SET listed_at = now() - interval '1 hour' RETURNING 1")
            slow = github.fail("/repositories/*/git/ref/*", None, slow_s=0.5)
            killed = start(github)
            await until(lambda: _some(hub, heads))
            end(killed)
            assert not await _all(hub, heads), "it was killed too late"
            slow.cancel()

            start(github)

            await until(lambda: _all(hub, heads))
            await until(lambda: _told(hub, 4))
            told = await hub.said()
            assert len(told) == len(set(told)) == 4
            assert await hub.rows("SELECT count(*) FROM repositories") == [(20,)]


async def _moved(hub: Hub, heads: dict[object, str]) -> int:
    rows = await hub.rows("SELECT id, head FROM repositories")
    return len([number for number, head in rows if heads.get(number) == head])


async def _some(hub: Hub, heads: dict[object, str]) -> bool:
    return await _moved(hub, heads) > 0


async def _all(hub: Hub, heads: dict[object, str]) -> bool:
    return await _moved(hub, heads) == len(heads)


async def _told(hub: Hub, count: int) -> bool:
    return len(await hub.said()) == count
