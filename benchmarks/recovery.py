"""`kill -9` of the only worker with twenty runs under way: how long until all have ended.

Each run has three nodes, and each node one ledgered effect that takes a
moment. Another worker stands by from the start, as a second machine would,
with nothing to do: the killed one is the only one that claimed runs.

    python -m benchmarks.recovery
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.executor import Client
from benchmarks.installation import process, servers
from benchmarks.workflow import EFFECTS, build_effects
from shared.database import Database

RUNS = 20


async def main() -> None:
    """Kill, wait, count, print."""
    with TemporaryDirectory(prefix="telewright-benchmark-") as directory:
        async with servers() as parts, Database(parts.database_url) as database:
            client = Client(database, build_effects)
            await client.open()
            with (
                process("scheduler", parts),
                process("worker", parts) as victim,
            ):
                files = [Path(directory, str(number)) for number in range(RUNS)]
                for file in files:
                    await client.start({"file": str(file)})
                await _until_effects(files, RUNS + RUNS // 2)
                with process("worker", parts):
                    victim.send_signal(signal.SIGKILL)
                    killed = time.perf_counter()
                    await client.until_all_ended(RUNS)
                    took = time.perf_counter() - killed
            _report(files, took, await _recorded(database))


async def _until_effects(files: list[Path], count: int) -> None:
    while sum(len(_effects(file)) for file in files) < count:  # noqa: ASYNC110 - other processes make it true
        await asyncio.sleep(0.02)


async def _recorded(database: Database) -> int:
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM effects WHERE status = 'done'")
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _effects(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def _report(files: list[Path], took: float, recorded: int) -> None:
    made = [Counter(_effects(file)) for file in files]
    repeated = sum(count - 1 for one in made for count in one.values())
    print(f"runs under way at kill -9            {RUNS:6d}")
    print(f"seconds until all had ended          {took:6.1f}")
    print(f"effects recorded, of {RUNS * EFFECTS:3d}             {recorded:6d}")
    print(f"recorded effects made again          {repeated:6d}")


if __name__ == "__main__":
    uvloop.run(main())
