"""The product's worker or scheduler, with imported workflows only."""

from __future__ import annotations

import os
import sys

import structlog
import uvloop

from graph.worker import work
from scheduler.loop import schedule
from shared.database import Database
from shared.live import Live


async def main(role: str) -> None:
    """Be a worker, or a scheduler."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    async with (
        Database(os.environ["DATABASE_URL"], connections=20) as database,
        Live(os.environ["REDIS_URL"]) as live,
    ):
        if role == "scheduler":
            await schedule(database, live)
        else:
            await work(database, live, {}, concurrency=20)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
