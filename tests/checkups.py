"""A server that is as a test says, and a process that looks at one, for tests that kill it.

The process looks again and again, whenever it gets the lock, at services whose processes do not run.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from infrastructure.deploy.deployer import NotDeployed, ServiceState, ServiceStatus
from infrastructure.machine import Vitals
from scheduler.server_health import World, server_health
from shared.database import Database
from shared.live import Live
from shared.locks import LockTaken, redis_lock

TTL_S = 2.0
WELL = Vitals(disk=0.5, disk_free=50_000_000_000, memory=0.5, load=0.5)


@dataclass
class Edge:
    """Everything that is looked at, as a test says it is."""

    services: dict[str, ServiceStatus] = field(default_factory=dict)
    log: str = "one\ntwo\n"
    faults: dict[str, str] = field(default_factory=dict)
    """Why addresses do not answer as they should."""
    asked: list[str] = field(default_factory=list)
    seen: Vitals = WELL
    there: bool = True
    meanwhile: Callable[[], Awaitable[object]] | None = None
    """What happens while an address is asked."""

    async def status(self, project: str) -> ServiceStatus:
        return self.services.get(project, ServiceStatus(ServiceState.ABSENT))

    async def logs(self, project: str, lines: int = 50) -> str:
        if project not in self.services:
            raise NotDeployed
        return "\n".join(self.log.splitlines()[-lines:])

    async def fault(self, url: str) -> str | None:
        self.asked.append(url)
        if self.meanwhile is not None:
            await self.meanwhile()
        return self.faults.get(url)

    async def has_server(self) -> bool:
        return self.there

    async def manager_answers(self) -> bool:
        return True

    async def vitals(self) -> Vitals:
        return self.seen

    @property
    def world(self) -> World:
        return World(machine=self, reader=self, probe=self)


async def main(*projects: str) -> None:
    edge = Edge({project: ServiceStatus(ServiceState.FAILED) for project in projects})
    async with (
        Database(os.environ["DATABASE_URL"], connections=4) as database,
        Live(os.environ["REDIS_URL"]) as live,
    ):
        while True:
            with suppress(LockTaken):
                async with redis_lock(live, database, "server_health", ttl_s=TTL_S) as held:
                    await server_health(database, live, held, world=edge.world, groups_in_settings=())
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
