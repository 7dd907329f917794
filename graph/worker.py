"""One worker: takes jobs from the queue and runs forward, as many at a time as it may."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Coroutine, Mapping
from typing import Any

import structlog
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from psycopg import OperationalError

from graph.executor import Executor
from graph.heart import Heart
from graph.jobs import add_tasks
from graph.registry import BuildApp, WorkflowRegistry
from shared.database import Database
from shared.job_times import timed
from shared.ledger.claims import SILENCE_S
from shared.live import Live
from shared.process import until_told_to_stop
from shared.queue import RUNS, queue_app

_DRAIN_S = 5.0
"""How long a worker that stops lets its runs come to a resting place, before it hands them back."""

log = structlog.get_logger()


async def work(database: Database, live: Live, provided: Mapping[str, BuildApp], *, concurrency: int) -> None:
    """Work until SIGTERM or SIGINT; then drain, and hand back what is still running.

    Args:
        database: Opened; with more connections than a handful, since runs share them.
        live: Opened.
        provided: The workflows whose parts this process has put together, by entrypoint.
        concurrency: The most runs at a time.
    """
    name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    heart = Heart(database, worker=name)
    executor = Executor(database, live, WorkflowRegistry(database, provided), heart, worker=name)
    queue = queue_app()
    add_tasks(queue, executor)
    async with queue.open_async(database.pool):
        await until_told_to_stop(_while_it_beats(heart, _work_through_outages(queue, name, concurrency)))
    log.info("worker.stopped", worker=name)


async def _while_it_beats(heart: Heart, working: Coroutine[Any, Any, None]) -> None:
    """Work as long as the heart beats: without it no run is cancelled or timed out, nor taken up elsewhere."""
    async with asyncio.TaskGroup() as group:
        beating = group.create_task(heart.beat_for_ever(), name="heart")
        try:
            await working
        finally:
            beating.cancel()


async def _work_through_outages(queue: App, name: str, concurrency: int) -> None:
    """Run Procrastinate's worker; it stops when the database goes away, and is started again."""
    while True:
        try:
            await queue.run_worker_async(
                queues=[RUNS],
                name=name,
                concurrency=concurrency,
                install_signal_handlers=False,
                delete_jobs="successful",
                shutdown_graceful_timeout=_DRAIN_S,
                fetch_job_polling_interval=1.0,
                update_heartbeat_interval=SILENCE_S / 4,
                stalled_worker_timeout=SILENCE_S,
                worker_middleware=[timed],
            )
        except (ConnectorException, OperationalError) as error:
            log.warning("queue.lost", error=str(error))
        await asyncio.sleep(1)
