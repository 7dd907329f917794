"""How long after an outage everything that was changed meanwhile is known: killed replicas, no Valkey, a GitHub in trouble.

python -m benchmarks.outages [ROUNDS]

Two schedulers run as in production, over repositories of a GitHub that is the tests' own. In each round
all repositories are pushed to and one is deleted, while something is out of order; webhooks say so, as they
do of every change. At the end each push must have been stored once and each loss told once.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import structlog
import uvloop

from benchmarks.installation import Parts, environment, servers
from infrastructure.embedded import EmbeddedValkey
from shared.ledger import github_deliveries
from shared.queue import GITHUB_SYNC, defer_job
from tests.engine import until
from tests.fakes.github import GitHub, Project, RemoteGitHub, github_in_process
from tests.integration.scheduler.hub import README, Hub, hub_of

ROUNDS = 3
REPOSITORIES = 20
LOOKED = 3
"""Repositories that a pass has stored when its process is killed."""

VALKEY_AWAY_S = 5.0
GITHUB_AWAY_S = 10.0
RETRY_AFTER_S = 5
SLOW_BODY_S = 3.0

REFS = "/repositories/*/git/ref/*"


async def main() -> None:
    """Print all figures, and fail if anything was lost or doubled."""
    # What is lost and found again is told by everybody; it is not what is looked at here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else ROUNDS
    with github_in_process() as github:
        # GitHub's budget for an hour is not what is measured.
        github.limit(per_hour=1_000_000)
        async with _world(github, rounds * len(OUTAGES)) as world:
            print(f"{'from the end of the outage until all is known':48} {'median':>8} {'worst':>8}")
            for title, outage in OUTAGES.items():
                took = [await world.measure(outage) for _ in range(rounds)]
                print(f"{title:48} {statistics.median(took):6.1f} s {max(took):6.1f} s", flush=True)
            print(await world.account())


@dataclass
class World:
    """An installation with two schedulers, and repositories that change."""

    parts: Parts
    hub: Hub
    schedulers: Schedulers
    repositories: list[Project]
    doomed: list[Project]
    """Deleted one after the other."""
    pushed: dict[int, list[str]] = field(default_factory=dict)
    deleted: list[Project] = field(default_factory=list)

    @property
    def github(self) -> GitHub:
        """Where the repositories are."""
        return self.hub.github

    async def measure(self, outage: Outage) -> float:
        """Have an outage with changes in it, and return how long it took from its end until they were known."""
        await until(self._is_at_rest)
        before = await self.token()
        await outage(self)
        ended = time.perf_counter()
        await until(lambda: self._is_true_after(before), within_s=300)
        return time.perf_counter() - ended

    async def change(self) -> None:
        """Change everything, and hear of it as by webhooks."""
        await asyncio.to_thread(self._change)
        async with self.hub.database.transaction() as tx:
            for repository in (*self.repositories, self.deleted[-1]):
                await github_deliveries.accept(
                    tx, str(uuid.uuid4()), event="push", action=None, repository_id=repository.id
                )
            await defer_job(tx, GITHUB_SYNC)

    def _change(self) -> None:
        for repository in self.repositories:
            file = {f"{uuid.uuid4().hex}.txt": "by hand\n"}
            self.pushed.setdefault(repository.id, []).append(repository.push(dict(file)))
        gone = self.doomed.pop()
        gone.delete()
        self.deleted.append(gone)

    async def stored(self) -> int:
        """Return how many heads are known that were pushed last."""
        rows = await self.hub.rows("SELECT id, head FROM repositories")
        newest = {(number, heads[-1]) for number, heads in self.pushed.items()}
        return len(newest & set(rows))

    async def token(self) -> int:
        """Return the newest token of the lock."""
        [(token,)] = await self.hub.rows("SELECT token FROM leases WHERE name = 'github_sync'")
        return int(str(token))

    async def holder(self) -> int:
        """Return the process that holds the lock."""
        [(holder,)] = await self.hub.rows("SELECT holder FROM leases WHERE name = 'github_sync'")
        return int(str(holder).rpartition(":")[2])

    async def account(self) -> str:
        """Return what has come of all changes.

        Raises:
            AssertionError: Something was lost or doubled.
        """
        told, noted = await self.hub.said(), await self.hub.noted_heads()
        assert noted == self.pushed, "a push was lost, stored twice, or stored after the one that followed"
        assert len(told) == len(set(told)) == len(self.deleted), "a loss was not told once"
        pushes = sum(map(len, self.pushed.values()))
        return f"{pushes} pushes stored and {len(told)} losses told, each once"

    async def _is_at_rest(self) -> bool:
        succeeded = await self.hub.rows(
            "SELECT FROM timetable WHERE name = 'github_sync' AND outcome = 'succeeded'"
        )
        return bool(succeeded) and len(self.schedulers.running) == SCHEDULERS

    async def _is_true_after(self, before: int) -> bool:
        """Whether all is known, and a pass that has begun since then is at its end."""
        ended = await self.hub.rows(
            f"SELECT FROM timetable WHERE name = 'github_sync' AND outcome = 'succeeded' AND token > {before}"
        )
        return (
            bool(ended)
            and await self.stored() == len(self.repositories)
            and len(await self.hub.said()) == len(self.deleted)
        )


Outage = Callable[[World], Awaitable[None]]
"""Makes changes while something is out of order, and returns when it is in order again."""


async def _kill_in_the_middle(world: World) -> None:
    held = world.github.fail(REFS, None, skip=LOOKED, held=True)
    await world.change()

    async def in_the_middle() -> bool:
        return await world.stored() == LOOKED

    await until(in_the_middle)
    world.schedulers.kill(await world.holder())
    held.cancel()
    world.schedulers.start()


async def _stop_valkey(world: World) -> None:
    valkey = EmbeddedValkey(world.parts.home)
    await asyncio.to_thread(valkey.stop)
    await world.change()
    await asyncio.sleep(VALKEY_AWAY_S)
    await asyncio.to_thread(valkey.start)


async def _fail_with_502(world: World) -> None:
    fault = world.github.fail(None, None, status=502)
    await world.change()
    await asyncio.sleep(GITHUB_AWAY_S)
    fault.cancel()


async def _refuse_for_a_while(world: World) -> None:
    fault = world.github.fail("/repositories/*", None, retry_after=RETRY_AFTER_S)
    await world.change()

    async def is_refused() -> bool:
        return fault.hits > 0

    await until(is_refused)
    await asyncio.sleep(RETRY_AFTER_S)
    fault.cancel()


async def _answer_slowly(world: World) -> None:
    fault = world.github.fail(None, None, slow_body_s=SLOW_BODY_S)
    await world.change()
    await asyncio.sleep(GITHUB_AWAY_S)
    fault.cancel()


OUTAGES: dict[str, Outage] = {
    "a scheduler killed in the middle of a sync": _kill_in_the_middle,
    f"no Valkey for {VALKEY_AWAY_S:.0f} s": _stop_valkey,
    f"GitHub answers 502 for {GITHUB_AWAY_S:.0f} s": _fail_with_502,
    f"GitHub answers 403, Retry-After {RETRY_AFTER_S}": _refuse_for_a_while,
    f"GitHub takes {SLOW_BODY_S:.0f} s for a body, for {GITHUB_AWAY_S:.0f} s": _answer_slowly,
}

SCHEDULERS = 2


class Schedulers:
    """The product's schedulers."""

    def __init__(self, parts: Parts, github: RemoteGitHub) -> None:
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self._environment = {
            **environment(parts),
            "TELEWRIGHT_HOME": str(parts.home),
            "GITHUB_TOKEN": github.token,
            "GITHUB_API_URL": github.url,
            "LOG_LEVEL": "CRITICAL",
        }

    def start(self) -> None:
        """Start one more."""
        command = [sys.executable, "-m", "cli", "scheduler"]
        started = subprocess.Popen(command, env=self._environment, stderr=subprocess.DEVNULL)
        self.running[started.pid] = started

    def kill(self, pid: int) -> None:
        """Kill one as `kill -9` does."""
        killed = self.running.pop(pid)
        killed.kill()
        killed.wait()

    def stop(self) -> None:
        """End all."""
        for one in self.running.values():
            one.terminate()
        for one in self.running.values():
            one.wait(30)


@contextmanager
def _scheduled(parts: Parts, github: RemoteGitHub) -> Iterator[Schedulers]:
    schedulers = Schedulers(parts, github)
    try:
        for _ in range(SCHEDULERS):
            schedulers.start()
        yield schedulers
    finally:
        schedulers.stop()


@asynccontextmanager
async def _world(github: RemoteGitHub, losses: int) -> AsyncIterator[World]:
    async with servers() as parts, hub_of(github, parts.database_url, parts.redis_url) as hub:
        names = [f"project-{number}" for number in range(REPOSITORIES + losses)]
        made = [await asyncio.to_thread(github.create, name, README) for name in names]
        for repository in made:
            await hub.project(repository)
        await hub.settle()
        await hub.note_heads()
        with _scheduled(parts, github) as schedulers:
            yield World(parts, hub, schedulers, made[:REPOSITORIES], made[REPOSITORIES:])


if __name__ == "__main__":
    uvloop.run(main())
