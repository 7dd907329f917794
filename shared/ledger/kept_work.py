"""What runs have put into repositories on GitHub, and is to be taken away once they have ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import RunId, SessionId
from shared.ledger.runs import Status
from shared.storable import storable


@dataclass(frozen=True, slots=True)
class KeptWork:
    """What a run that has ended has put into a repository."""

    run_id: RunId
    number: int
    """The run's."""
    created_at: datetime
    """Of the run: the date of its commits."""
    status: Status
    reason: str | None
    """Why it has ended so."""
    session_id: SessionId
    project: str
    """Its name."""
    repository: dict[str, Any]
    """As the run has found it, or made it."""
    attempts: int
    """How often it was begun to take it away."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))


async def note(tx: Connection, run_id: RunId) -> None:
    """Note that a run is about to put something into a repository; once is enough."""
    await tx.execute("INSERT INTO kept_work (run_id) VALUES (%s) ON CONFLICT (run_id) DO NOTHING", [run_id])


async def next_due(tx: Connection, *, grace_s: float) -> KeptWork | None:
    """Return what may be taken away now and is due longest, if there is anything.

    Index: kept_work_due; of runs that go on there are few.

    Args:
        tx: A connection.
        grace_s: Seconds for which a run that has ended is left to a worker that was at it.
    """
    async with tx.cursor(row_factory=class_row(KeptWork)) as cursor:
        await cursor.execute(
            """
            SELECT run_id, runs.number, runs.created_at, runs.status, runs.reason, runs.session_id,
                   projects.name AS project, effects.result AS repository, kept_work.attempts
              FROM kept_work
              JOIN runs ON runs.id = run_id
              JOIN projects ON projects.id = runs.project_id
              JOIN effects USING (run_id)
             WHERE cleared_at IS NULL AND due_at <= now() AND ended_at < now() - make_interval(secs => %(grace_s)s)
               AND effects.key = 'repository' AND effects.result IS NOT NULL
             ORDER BY due_at LIMIT 1
            """,
            {"grace_s": grace_s},
        )
        return await cursor.fetchone()


async def commits_of(tx: Connection, run_id: RunId) -> frozenset[str]:
    """Return the commits that a run has recorded to have put on its branch (the beginning of effects' key)."""
    cursor = await tx.execute(
        """
        SELECT unnest(ARRAY[result->>'begun_at', result->>'sha']) FROM effects
         WHERE run_id = %s AND kind = 'commit' AND starts_with(key, 'commit:') AND result IS NOT NULL
        """,
        [run_id],
    )
    return frozenset(str(sha) for (sha,) in await cursor.fetchall())


async def begin(tx: Connection, run_id: RunId, *, pause_s: float) -> None:
    """Note that it is begun to take it away, and when to begin again if nobody lives to say what came of it."""
    await tx.execute(
        """
        UPDATE kept_work SET attempts = attempts + 1,
                             due_at = clock_timestamp() + make_interval(secs => %(pause_s)s)
         WHERE run_id = %(run_id)s
        """,
        {"run_id": run_id, "pause_s": pause_s},
    )


async def note_trouble(tx: Connection, run_id: RunId, *, error: str) -> None:
    """Note why it could not be taken away."""
    await tx.execute("UPDATE kept_work SET error = %s WHERE run_id = %s", [storable(error), run_id])


async def clear(tx: Connection, run_id: RunId, *, branch_left: bool, error: str | None = None) -> bool:
    """Note that nothing is to be taken away any more.

    Args:
        tx: The transaction.
        run_id: Whose.
        branch_left: Whether the branch stays, since a person has pushed to it.
        error: Why nothing could be taken away, and never will be.

    Returns:
        Whether that is new.
    """
    cursor = await tx.execute(
        """
        UPDATE kept_work SET cleared_at = clock_timestamp(), branch_left = %(left)s, error = %(error)s
         WHERE run_id = %(run_id)s AND cleared_at IS NULL
        """,
        {"run_id": run_id, "left": branch_left, "error": error and storable(error)},
    )
    return cursor.rowcount == 1
