"""A process that holds a lease: says its token, then writes rows for as long as its lease lets it.

Each line on standard output is a fact: `holds TOKEN`, `wrote`, `fenced`, `lost`.
"""

from __future__ import annotations

import asyncio
import os
import sys

from shared.database import Database
from shared.lease import Lease, LeaseLost, assert_lease
from shared.outages import OUTAGE


async def main(name: str, silence_s: float) -> None:
    url = os.environ["DATABASE_URL"]
    async with Database(url, connections=2) as database:
        lease = Lease(url, name, holder=str(os.getpid()), silence_s=silence_s)
        async with lease.held() as held:
            _say(f"holds {held.token}")
            writing = asyncio.create_task(_write(database, name, held.token))
            await held.lost.wait()
            _say("lost")
            await writing


async def _write(database: Database, name: str, token: int) -> None:
    while True:
        try:
            async with database.transaction() as tx:
                await assert_lease(tx, name, token)
        except LeaseLost:
            _say("fenced")
            return
        except OUTAGE:
            _say("away")
        else:
            _say("wrote")
        await asyncio.sleep(0.1)


def _say(fact: str) -> None:
    print(fact, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
