"""The scheduler's process: periodic work, on as many machines as wanted."""

from __future__ import annotations

import asyncio

import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from psycopg import Error

from scheduler.recovery import recover
from shared.database import Database
from shared.live import Live
from shared.process import until_told_to_stop
from shared.queue import queue_app

_RECOVERY_INTERVAL_S = 2.0

log = structlog.get_logger()


async def schedule(database: Database, live: Live) -> None:
    """Do periodic work until SIGTERM or SIGINT.

    Args:
        database: Opened.
        live: Opened.
    """
    queue = queue_app()
    async with queue.open_async(database.pool):
        await until_told_to_stop(_recover_for_ever(database, queue, live))
    log.info("scheduler.stopped")


async def _recover_for_ever(database: Database, queue: App, live: Live) -> None:
    while True:
        try:
            await recover(database, queue, live)
        except (Error, ConnectorException) as error:
            log.warning("recovery.postponed", error=str(error))
        await asyncio.sleep(_RECOVERY_INTERVAL_S)
