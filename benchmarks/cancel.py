"""From the request to cancel a run to its end, and to the end of the child process it was waiting for.

python -m benchmarks.cancel
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
import uvloop

from benchmarks.executor import Client
from benchmarks.installation import process, servers
from benchmarks.workflow import build_child
from shared.database import Database
from shared.ids import RunId
from shared.ledger import claims, runs

RUNS = 20


async def main() -> None:
    """Cancel one run after the other, print how long it took."""
    with TemporaryDirectory(prefix="telewright-benchmark-") as directory:
        async with servers() as parts, Database(parts.database_url) as database:
            client = Client(database, build_child)
            await client.open()
            with process("worker", parts):
                took = [
                    await _cancelled(database, client, Path(directory, str(number))) for number in range(RUNS)
                ]
    for what, several in zip(
        ("run has ended", "its child process is gone"), zip(*took, strict=True), strict=True
    ):
        print(f"cancelled until {what:25} median {median(several):4.2f} s   longest {max(several):4.2f} s")


async def _cancelled(database: Database, client: Client, file: Path) -> tuple[float, float]:
    """Return the seconds from the request until a run has ended, and until its child is gone."""
    run = await client.start({"file": str(file)})
    child = await _child(file)
    # A heart beats at intervals: the request may come at any moment between two beats.
    await asyncio.sleep(random.uniform(0, 0.5))
    started = time.perf_counter()
    async with database.transaction() as tx:
        await claims.request_cancel(tx, run.id, by=client.user.id)
    ended = gone = 0.0
    while not (ended and gone):
        if not gone and not psutil.pid_exists(child):
            gone = time.perf_counter() - started
        if not ended and await _has_ended(database, run.id):
            ended = time.perf_counter() - started
        await asyncio.sleep(0.005)
    return ended, gone


async def _child(file: Path) -> int:
    while not (written := _written(file)):  # noqa: ASYNC110 - another process makes it true
        await asyncio.sleep(0.01)
    return int(written)


def _written(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


async def _has_ended(database: Database, run_id: RunId) -> bool:
    async with database.connection() as connection:
        return (await runs.get(connection, run_id)).status.ended


if __name__ == "__main__":
    uvloop.run(main())
