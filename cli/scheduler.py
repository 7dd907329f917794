"""The scheduler's process: builds its parts and hands them over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cli.ledgers import open_ledgers
from cli.metrics.alone import exposing_itself
from graph.orchestrator.probe import HttpProbe
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.forge import LocalForge, MixedForge, forge_of
from infrastructure.local_server import LocalServer
from infrastructure.machine import LocalMachine
from infrastructure.search import embedder_of
from scheduler.archives import ArchiveAges
from scheduler.heads import known_heads
from scheduler.ingestion import ingestion
from scheduler.leftovers import Leftovers
from scheduler.loop import schedule
from scheduler.retention import Ages, retention
from scheduler.server_health import World, checkups
from scheduler.timetable import PeriodicJob
from shared.database import Database
from shared.live import Live
from shared.settings import Settings

_PATIENCE_S = 8.0
"""How long a periodic job waits out trouble with GitHub: it is done again soon, and others wait for its lock."""


async def run_scheduler(settings: Settings) -> None:
    """Do periodic work until SIGTERM or SIGINT.

    Raises:
        BadSetting: METRICS_ADDRESS cannot be listened on.
        Unavailable: The database cannot be reached, or nothing runs for this home.
    """
    async with open_ledgers(settings, connections=14) as (database, live), exposing_itself(settings):
        with _code(settings, database, live) as looking:
            jobs = [
                retention(database, Ages.of(settings)),
                *looking,
                checkups(database, live, _world(settings), groups_in_settings=settings.allowed_groups),
            ]
            await schedule(
                database, live, jobs, leftovers=Leftovers(database, settings.home, ArchiveAges.of(settings))
            )


@contextmanager
def _code(settings: Settings, database: Database, live: Live) -> Iterator[list[PeriodicJob]]:
    """Lend what looks at projects' code, and at GitHub where that is set up."""
    here, forge = LocalForge(settings.home), forge_of(settings, patience_s=_PATIENCE_S)
    if isinstance(forge, LocalForge):
        yield [ingestion(database, here, embedder=embedder_of(settings))]
        return
    # Here, because whoever has no GitHub should not wait half a second for its library.
    from scheduler.clearing import clearing
    from scheduler.github_sync import syncing

    forges = MixedForge(forge, here)
    heads = known_heads(database, forges)
    try:
        yield [
            syncing(database, live, forge.survey),
            clearing(database, live, forges, forge),
            ingestion(database, forges, embedder=embedder_of(settings), head_of=heads),
        ]
    finally:
        forge.close()


def _world(settings: Settings) -> World:
    """Put together what looks at the server of this machine."""
    reader = AnsibleDeployer(LocalServer(settings.home / "server"), ports=settings.service_ports)
    return World(LocalMachine(settings.home), reader, HttpProbe())
