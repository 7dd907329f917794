"""What something costs while it is measured: processor time and commits, whatever else the machine does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import psycopg

from benchmarks.installation import Parts

_SETTLED_S = 1.2
"""After so long, sessions have told PostgreSQL's statistics what they did."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What has been spent up to a moment, or between two."""

    processes_s: float
    """Of the processes that were named, and this one."""
    postgres_s: float
    """Of all of PostgreSQL's processes."""
    others_s: float
    """Of everything else on the machine: much of it, and a rate says more about the neighbours."""
    commits: float
    wal_bytes: float

    def of_each(self, before: Cost, count: int) -> Cost:
        """Return what each of so many things has cost since a moment before."""
        return Cost(
            (self.processes_s - before.processes_s) / count,
            (self.postgres_s - before.postgres_s) / count,
            (self.others_s - before.others_s) / count,
            (self.commits - before.commits) / count,
            (self.wal_bytes - before.wal_bytes) / count,
        )


async def spent(parts: Parts, pids: Sequence[int]) -> Cost:
    """Return what has been spent so far; call it when nothing is under way."""
    await asyncio.sleep(_SETTLED_S)
    postmaster = psutil.Process(
        int((parts.home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    )
    async with await psycopg.AsyncConnection.connect(parts.database_url, autocommit=True) as connection:
        cursor = await connection.execute(
            """
            SELECT xact_commit, pg_current_wal_lsn() - '0/0' FROM pg_stat_database
             WHERE datname = current_database()
            """
        )
        row = await cursor.fetchone()
    assert row is not None
    processes = sum(_time_of(psutil.Process(pid)) for pid in (psutil.Process().pid, *pids))
    postgres = _time_of(postmaster, with_ended=True) + sum(map(_time_of, postmaster.children()))
    machine = psutil.cpu_times()
    return Cost(
        processes,
        postgres,
        machine.user + machine.nice + machine.system - processes - postgres,
        float(row[0]),
        float(row[1]),
    )


def _time_of(process: psutil.Process, *, with_ended: bool = False) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended = times.children_user + times.children_system if with_ended else 0.0
    return float(times.user + times.system + ended)
