"""A worker process for tests: the product's worker and scheduler, with imported workflows only."""

from __future__ import annotations

import os

import uvloop

from graph.worker import work
from scheduler.loop import schedule
from shared.database import Database
from shared.live import Live


async def _be(role: str) -> None:
    async with (
        Database(os.environ["DATABASE_URL"], connections=20) as database,
        Live(os.environ["REDIS_URL"]) as live,
    ):
        if role == "scheduler":
            await schedule(database, live)
        else:
            await work(database, live, {}, concurrency=20)


def main(role: str) -> None:
    """Be a worker, or a scheduler, until told to stop."""
    uvloop.run(_be(role))
