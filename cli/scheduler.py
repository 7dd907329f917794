"""The scheduler's process: builds its parts and hands them over."""

from __future__ import annotations

from cli.ledgers import open_ledgers
from graph.orchestrator.probe import HttpProbe
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.forge import LocalForge
from infrastructure.local_server import LocalServer
from infrastructure.machine import LocalMachine
from scheduler.ingestion import ingestion
from scheduler.leftovers import Leftovers
from scheduler.loop import schedule
from scheduler.retention import Ages, retention
from scheduler.server_health import World, checkups
from shared.settings import Settings


async def run_scheduler(settings: Settings) -> None:
    """Do periodic work until SIGTERM or SIGINT.

    Raises:
        Unavailable: The database cannot be reached, or nothing runs for this home.
    """
    async with open_ledgers(settings, connections=12) as (database, live):
        jobs = [
            retention(database, Ages.of(settings)),
            ingestion(database, LocalForge(settings.home)),
            checkups(database, live, _world(settings)),
        ]
        await schedule(database, live, jobs, leftovers=Leftovers(database, settings.home))


def _world(settings: Settings) -> World:
    """Put together what looks at the server of this machine."""
    reader = AnsibleDeployer(LocalServer(settings.home / "server"), ports=settings.service_ports)
    return World(LocalMachine(settings.home), reader, HttpProbe())
