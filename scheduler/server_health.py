"""Looks at every server and every service that is wanted to run, and tells what changes.

What is seen is looked at outside of any transaction. What it means is decided, stored and told in one,
under the lock's token: killed anywhere, the next pass tells what is untold, and nothing is told twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import structlog

from graph.conversation.health import LINES_TOLD, server_changed, service_changed
from graph.conversation.observing import ServiceReader, logs_of
from graph.conversation.replies import Reply
from graph.orchestrator.probe import Probe
from infrastructure.deploy.deployer import ServiceStatus
from scheduler.sightings import Machine, Sight, of_certificate, of_machine, of_service
from scheduler.timetable import PeriodicJob
from shared import tracing
from shared.database import Connection, Database
from shared.ids import SessionId
from shared.lease import LeaseLost
from shared.ledger import health, sessions
from shared.ledger.health import SERVER, Aspect, Health, Service
from shared.ledger.listeners import listeners, owners
from shared.live import Live
from shared.locks import HeldLock
from shared.outages import OUTAGE

EVERY_20_S: Final = "* * * * * */20"
JOB: Final = "server_health"
LOCAL: Final = "local"
"""This machine's own server, the only kind that there is yet."""
AT_ONCE: Final = 8
"""Services that are looked at side by side."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Checked:
    """What one pass has done."""

    services: int = 0
    unwell: int = 0
    """Things with which something was seen to be wrong, whatever that means."""
    told: int = 0
    """Changes that were told."""


@dataclass(frozen=True, slots=True)
class World:
    """One server, and what looks at it: for a server of another kind these look there, and all else stays."""

    machine: Machine
    reader: ServiceReader
    probe: Probe
    server: str = LOCAL
    """As projects name it (`projects.server`)."""

    @property
    def job(self) -> str:
        """The name of its job, and of the job's lock: one that does not answer keeps no other waiting."""
        return JOB if self.server == LOCAL else f"{JOB}:{self.server}"


def checkups(
    database: Database,
    live: Live,
    world: World,
    *,
    groups_in_settings: Collection[int],
    cron: str = EVERY_20_S,
) -> PeriodicJob:
    """Return the job of one server.

    Args:
        database: The ledgers.
        live: Told of sessions in which something was said.
        world: What is looked at.
        groups_in_settings: The Telegram groups that the settings let in.
        cron: When; three times of it are what it takes to notice that something is down.
    """
    body = partial(server_health, database, live, world=world, groups_in_settings=groups_in_settings)
    return PeriodicJob(world.job, cron, ttl_s=30, body=body, can_be_done_here=world.machine.has_server)


async def server_health(
    database: Database, live: Live, held: HeldLock, *, world: World, groups_in_settings: Collection[int]
) -> Checked:
    """Make one pass.

    Args:
        database: The ledgers.
        live: Told of sessions in which something was said.
        held: The lock under which this runs; every write is fenced by its token.
        world: What is looked at.
        groups_in_settings: The Telegram groups that the settings let in: what is told elsewhere, nobody hears.

    Returns:
        What was seen and told; nothing where there is no server.

    Raises:
        LeaseLost: Another process holds the lock now; nothing was written since.
    """
    if not await world.machine.has_server():
        return Checked()
    async with held.transaction(database) as tx:
        await health.forget_unwanted(tx)
        wanted = await health.services(tx, world.server)
        known = {(one.subject, one.aspect): one for one in await health.of_everything(tx)}
    checkup = _Checkup(database, live, held, world, known, groups_in_settings)
    looks = [checkup.of_machine(), *(checkup.of_service(service) for service in wanted)]
    failures = [one for one in await asyncio.gather(*looks, return_exceptions=True) if one is not None]
    for failed in failures:
        if isinstance(failed, (LeaseLost, *OUTAGE)) or not isinstance(failed, Exception):
            raise failed
        # The pass succeeds: after a failure all the others would be left alone for a while as well.
        log.error("health.look_failed", exc_info=failed)
    if checkup.done.told:
        log.info("health.told", **asdict(checkup.done))
    return checkup.done


class _Checkup:
    """One pass over everything."""

    def __init__(
        self,
        database: Database,
        live: Live,
        held: HeldLock,
        world: World,
        known: dict[tuple[str, Aspect], Health],
        groups_in_settings: Collection[int],
    ) -> None:
        self._database = database
        self._live = live
        self._held = held
        self._world = world
        self._known = known
        self._groups_in_settings = groups_in_settings
        self._at_once = asyncio.Semaphore(AT_ONCE)
        # However much is looked at side by side, a job has two connections, one of them for its lock.
        self._writing = asyncio.Lock()
        self.done = Checked()

    async def of_machine(self) -> None:
        subject = f"{SERVER}{self._world.server}"
        unwell = [one.aspect for one in self._known.values() if one.subject == subject and not one.is_well]
        for sight in await of_machine(self._world.machine, unwell):
            await self._note(sight, Health(subject, sight.aspect))

    async def of_service(self, service: Service) -> None:
        async with self._at_once:
            self.done.services += 1
            if service.at_work:
                return await self._begin_anew(service)
            known = self._known_of(service, Aspect.SERVICE)
            sight, status = await self._look_at(service, known)
            await self._note(sight, known, service)
            if status is not None and status.url is not None and status.url.startswith("https:"):
                await self._look_at_certificate(service, status.url)
        return None

    async def _look_at(self, service: Service, known: Health) -> tuple[Sight, ServiceStatus | None]:
        try:
            return await of_service(self._world.reader, self._world.probe, service, known)
        except Exception as error:
            # A contract may be of before its rules, an address none at all: that is news of this service.
            log.exception("health.look_failed", subject=service.subject)
            return Sight(Aspect.SERVICE, f"it cannot be looked at ({type(error).__name__})"), None

    async def _look_at_certificate(self, service: Service, url: str) -> None:
        known = self._known_of(service, Aspect.CERTIFICATE)
        await self._note(await of_certificate(url, was_short=not known.is_well), known, service)

    async def _begin_anew(self, service: Service) -> None:
        async with self._writing, self._held.transaction(self._database) as tx:
            for one in await health.of_project(tx, service.project_id):
                await health.store(tx, one.anew())

    def _known_of(self, service: Service, aspect: Aspect) -> Health:
        known = self._known.get((service.subject, aspect))
        known = known or Health(service.subject, aspect, service.project_id)
        return known.as_of(service.changed_at)

    async def _note(self, sight: Sight, known: Health, service: Service | None = None) -> None:
        """Store what was seen, and tell what that changes."""
        self.done.unwell += bool(sight.finding)
        lines = await self._last_lines(service) if service and known.is_about_to_fail(sight.finding) else ""
        with tracing.bind() as trace_id:
            async with self._writing, self._held.transaction(self._database) as tx:
                if service is not None and not await self._is_wanted_still(tx, service):
                    return
                before = await health.get(tx, known.subject, known.aspect, known.project_id)
                before = before.as_of(service.changed_at) if service else before
                at = await health.now(tx)
                now = before.after(sight.finding, at, processes_since=sight.processes_since)
                told_in = await self._listeners(tx, service) if now.untold else []
                for session_id in told_in:
                    reply = (
                        service_changed(service, now, log=lines)
                        if service
                        else server_changed(self._world.server, now)
                    )
                    await _say(tx, session_id, reply, trace_id)
                await health.store(tx, now.told_now() if told_in else now)
        self.done.told += bool(told_in)
        for session_id in told_in:
            self._live.wake(session_id)

    async def _is_wanted_still(self, tx: Connection, service: Service) -> bool:
        """Whether a service is still to run, and nobody has changed anything about it since the pass began."""
        return await health.services(tx, self._world.server, service.project_id) == [service]

    async def _listeners(self, tx: Connection, service: Service | None) -> list[SessionId]:
        """Return where a change is told: of a service where its project is, of a server to the owners."""
        if service is None:
            return await owners(tx, groups_in_settings=self._groups_in_settings)
        return await listeners(tx, service.session_id, groups_in_settings=self._groups_in_settings)

    async def _last_lines(self, service: Service) -> str:
        return (await logs_of(self._world.reader, service.name, LINES_TOLD)).logs or ""


async def _say(tx: Connection, session_id: SessionId, reply: Reply, trace_id: str) -> None:
    body = reply.model_dump(mode="json")
    await sessions.say(tx, session_id, author="telewright", body=body, trace_id=trace_id)
