"""A scheduler's process with one job that writes rows under its token for as long as it may.

Each row is a cursor whose reader is the token and whose position is when it was written.
"""

from __future__ import annotations

import asyncio
import os

from scheduler.loop import schedule
from scheduler.timetable import PeriodicJob
from shared.database import Database
from shared.live import Live
from shared.locks import HeldLock

EVERY_SECOND = "* * * * * *"
TTL_S = 2.0


async def _tick() -> None:
    async with (
        Database(os.environ["DATABASE_URL"], connections=10) as database,
        Live(os.environ["REDIS_URL"]) as live,
    ):

        async def write_for_ever(held: HeldLock) -> None:
            while True:
                async with held.transaction(database) as tx:
                    await tx.execute(
                        """
                        INSERT INTO cursors (reader, stream, position)
                        VALUES (%s, gen_random_uuid(), extract(epoch FROM clock_timestamp()) * 1000000)
                        """,
                        [str(held.token)],
                    )
                await asyncio.sleep(0.05)

        await schedule(database, live, [PeriodicJob("writer", EVERY_SECOND, TTL_S, write_for_ever)])


def main() -> None:
    """Tick until told to stop."""
    asyncio.run(_tick())
