"""The scheduler's process: periodic work, on as many machines as wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from psycopg import Error

from scheduler.leftovers import Leftovers
from scheduler.recovery import recover
from scheduler.timetable import PeriodicJob, Timetable
from shared.database import Database
from shared.errors import TelewrightError
from shared.live import Live
from shared.process import until_told_to_stop
from shared.queue import queue_app

_RECOVERY_INTERVAL_S = 2.0
_LEFTOVERS_INTERVAL_S = 60.0

log = structlog.get_logger()


async def schedule(
    database: Database,
    live: Live,
    jobs: Sequence[PeriodicJob] = (),
    *,
    leftovers: Leftovers | None = None,
) -> None:
    """Do periodic work until SIGTERM or SIGINT.

    Args:
        database: Opened; each job may use two connections, and the process four.
        live: Opened.
        jobs: The timetable. Recovery is none of them: it repairs the queue, and goes on without Redis.
        leftovers: Those of this machine; left out where no worker works.
    """
    queue = queue_app()
    async with queue.open_async(database.pool):
        await until_told_to_stop(_all_of_it(database, queue, live, jobs, leftovers))
    log.info("scheduler.stopped")


async def _all_of_it(
    database: Database, queue: App, live: Live, jobs: Sequence[PeriodicJob], leftovers: Leftovers | None
) -> None:
    async with asyncio.TaskGroup() as together:
        together.create_task(_recover_for_ever(database, queue, live), name="recovery")
        if leftovers is not None:
            together.create_task(_look_for_ever(leftovers), name="leftovers")
        together.create_task(Timetable(database, live, jobs).run(queue), name="timetable")


async def _recover_for_ever(database: Database, queue: App, live: Live) -> None:
    while True:
        try:
            await recover(database, queue, live)
        except (Error, ConnectorException) as error:
            log.warning("recovery.postponed", error=str(error))
        await asyncio.sleep(_RECOVERY_INTERVAL_S)


async def _look_for_ever(leftovers: Leftovers) -> None:
    while True:
        try:
            await leftovers.remove()
        except (Error, OSError, TelewrightError) as error:
            log.warning("leftovers.postponed", error=str(error))
        await asyncio.sleep(_LEFTOVERS_INTERVAL_S)
