"""A process that wants a lock for ever: writes rows under its token for as long as it has it.

Each line on standard output is a fact: `holds TOKEN`, `lost TOKEN`, `fenced TOKEN`, `away`. Each
row it writes is a cursor whose reader is the token and whose position is when it was written.
"""

from __future__ import annotations

import asyncio
import os
import sys

from shared.database import Database
from shared.lease import LeaseLost
from shared.live import Live
from shared.locks import HeldLock, LockLost, LocksUnavailable, LockTaken, redis_lock
from shared.outages import OUTAGE


async def main(name: str, ttl_s: float) -> None:
    async with (
        Database(os.environ["DATABASE_URL"], connections=3) as database,
        Live(os.environ["REDIS_URL"]) as live,
    ):
        while True:
            await _hold(live, database, name, ttl_s)
            await asyncio.sleep(0.1)


async def _hold(live: Live, database: Database, name: str, ttl_s: float) -> None:
    token = 0
    try:
        async with redis_lock(live, database, name, ttl_s=ttl_s) as held:
            token = held.token
            _say(f"holds {token}")
            while True:
                await _write(database, held)
                await asyncio.sleep(0.05)
    except LockTaken:
        pass
    except LocksUnavailable:
        _say("away")
    except LockLost:
        _say(f"lost {token}")
    except LeaseLost:
        _say(f"fenced {token}")
    except OUTAGE:
        _say("away")


async def _write(database: Database, held: HeldLock) -> None:
    async with held.transaction(database) as tx:
        await tx.execute(
            """
            INSERT INTO cursors (reader, stream, position)
            VALUES (%s, gen_random_uuid(), extract(epoch FROM clock_timestamp()) * 1000000)
            """,
            [str(held.token)],
        )


def _say(fact: str) -> None:
    print(fact, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
