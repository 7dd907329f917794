"""What became of the periodic jobs: one row for each, of its last run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from psycopg.rows import class_row

from shared.database import Connection

_FIRST_PAUSE_S = 10
LONGEST_PAUSE_S: Final = 3600.0
"""A job that fails is left alone for so long: twice as long each time, from the first to the longest."""


class Outcome(StrEnum):
    """How a run of a job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    """No fault of its own: its process was told to stop and another one goes on, or it has to wait."""
    LOST = "lost"
    """Its lock was lost, so that it wrote nothing more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job and its last run."""

    name: str
    cron: str
    began_at: datetime
    ended_at: datetime | None
    """None while it runs."""
    outcome: Outcome | None
    error: str | None
    failures: int
    """In a row."""
    not_before: datetime | None
    """Until when it is left alone."""

    def __post_init__(self) -> None:
        """Parse what comes from the database as text."""
        if self.outcome is not None:
            object.__setattr__(self, "outcome", Outcome(self.outcome))

    @property
    def took_s(self) -> float | None:
        """Seconds that it took, once it has ended."""
        return (self.ended_at - self.began_at).total_seconds() if self.ended_at else None


async def rests_until(tx: Connection, name: str) -> datetime | None:
    """Return until when a job that failed or has to wait is left alone, if it is now."""
    cursor = await tx.execute(
        "SELECT not_before FROM timetable WHERE name = %s AND not_before > clock_timestamp()", [name]
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def begin(tx: Connection, name: str, *, cron: str, token: int) -> None:
    """Note that a job runs, in a transaction of the lock that has this token."""
    await tx.execute(
        """
        INSERT INTO timetable (name, cron, token, began_at) VALUES (%(name)s, %(cron)s, %(token)s, clock_timestamp())
        ON CONFLICT (name) DO UPDATE
           SET cron = excluded.cron, token = excluded.token, began_at = excluded.began_at,
               ended_at = NULL, outcome = NULL, error = NULL
        """,
        {"name": name, "cron": cron, "token": token},
    )


async def end(
    tx: Connection,
    name: str,
    *,
    token: int,
    outcome: Outcome,
    error: str | None = None,
    until: datetime | None = None,
    longest_pause_s: float = LONGEST_PAUSE_S,
) -> datetime | None:
    """Note how a job's run ended, unless another run has begun since.

    Args:
        tx: The transaction.
        name: Of the job.
        token: Of the lock under which it ran.
        outcome: How it ended.
        error: Why it did not succeed.
        until: Before when it cannot go on, if that is known; a failure makes a pause of its own.
        longest_pause_s: Seconds that it is left alone after a failure, at most.

    Returns:
        Until when the job is left alone.
    """
    cursor = await tx.execute(
        """
        WITH counted AS (
            SELECT name, CASE %(outcome)s WHEN 'succeeded' THEN 0 WHEN 'failed' THEN failures + 1
                         ELSE failures END AS failures
              FROM timetable WHERE name = %(name)s AND token = %(token)s
        )
        UPDATE timetable
           SET ended_at = clock_timestamp(), outcome = %(outcome)s, error = %(error)s, failures = counted.failures,
               not_before = CASE WHEN %(outcome)s = 'failed' THEN clock_timestamp() + make_interval(
                   secs => least(%(longest)s, %(first)s * 2.0 ^ least(counted.failures - 1, 30)))
                   ELSE %(until)s END
          FROM counted
         WHERE timetable.name = counted.name
        RETURNING not_before
        """,
        {
            "name": name,
            "token": token,
            "outcome": outcome,
            "error": error,
            "first": _FIRST_PAUSE_S,
            "longest": longest_pause_s,
            "until": until,
        },
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def entries(tx: Connection) -> list[Entry]:
    """Return the jobs that have run, by name."""
    async with tx.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(
            "SELECT name, cron, began_at, ended_at, outcome, error, failures, not_before FROM timetable ORDER BY name"
        )
        return await cursor.fetchall()
