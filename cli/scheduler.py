"""The scheduler's process: builds its parts and hands them over."""

from __future__ import annotations

from cli.ledgers import open_ledgers
from infrastructure.forge import LocalForge
from scheduler.ingestion import ingestion
from scheduler.leftovers import Leftovers
from scheduler.loop import schedule
from scheduler.retention import Ages, retention
from shared.settings import Settings


async def run_scheduler(settings: Settings) -> None:
    """Do periodic work until SIGTERM or SIGINT.

    Raises:
        Unavailable: The database cannot be reached, or nothing runs for this home.
    """
    async with open_ledgers(settings, connections=12) as (database, live):
        jobs = [retention(database, Ages.of(settings)), ingestion(database, LocalForge(settings.home))]
        await schedule(database, live, jobs, leftovers=Leftovers(database, settings.home))
