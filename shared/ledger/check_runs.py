"""Checks of repositories' heads, as they were seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg.rows import class_row

from shared.database import Connection
from shared.storable import storable

Source = Literal["run", "status"]
"""Where a check is from: check runs, which apps such as Actions make, or commit statuses, which are older."""


@dataclass(frozen=True, slots=True)
class CheckSeen:
    """A check of a commit, as it was seen."""

    name: str
    state: str
    """Of `CheckState`."""
    url: str
    summary: str


async def note(tx: Connection, number: int, sha: str, source: Source, checks: Sequence[CheckSeen]) -> bool:
    """Let these be the checks of a commit that are from one source. Returns whether any differs from before."""
    cursor = await tx.execute(
        """
        WITH seen AS (
            SELECT * FROM unnest(%(name)s::text[], %(state)s::text[], %(url)s::text[], %(summary)s::text[])
                          AS seen (name, state, url, summary)
        ), over AS (
            DELETE FROM check_runs
             WHERE repository_id = %(id)s AND sha = %(sha)s AND source = %(source)s
               AND NOT EXISTS (SELECT FROM seen WHERE seen.name = check_runs.name)
            RETURNING 1
        ), noted AS (
            INSERT INTO check_runs (repository_id, sha, source, name, state, url, summary)
            SELECT %(id)s, %(sha)s, %(source)s, name, state, url, summary FROM seen
            ON CONFLICT (repository_id, sha, source, name) DO UPDATE
               SET state = excluded.state, url = excluded.url, summary = excluded.summary
             WHERE (check_runs.*) IS DISTINCT FROM (excluded.*)
            RETURNING 1
        )
        SELECT EXISTS (SELECT FROM over) OR EXISTS (SELECT FROM noted)
        """,
        {
            "id": number,
            "sha": sha,
            "source": source,
            "name": [storable(check.name) for check in checks],
            "state": [check.state for check in checks],
            "url": [storable(check.url) for check in checks],
            "summary": [storable(check.summary) for check in checks],
        },
    )
    [(differs,)] = await cursor.fetchall()
    return bool(differs)


async def keep(tx: Connection, number: int, heads: Collection[str]) -> None:
    """Forget the checks of commits that are no heads any more."""
    await tx.execute(
        "DELETE FROM check_runs WHERE repository_id = %s AND sha <> ALL(%s)", [number, sorted(heads)]
    )


async def of_commit(tx: Connection, number: int, sha: str) -> list[CheckSeen]:
    """Return what checks a head, by name."""
    async with tx.cursor(row_factory=class_row(CheckSeen)) as cursor:
        await cursor.execute(
            """
            SELECT name, state, url, summary FROM check_runs
             WHERE repository_id = %s AND sha = %s ORDER BY name, source
            """,
            [number, sha],
        )
        return await cursor.fetchall()


async def pending(tx: Connection, number: int) -> bool:
    """Return whether any head's check has not come to an end."""
    cursor = await tx.execute(
        "SELECT EXISTS (SELECT FROM check_runs WHERE repository_id = %s AND state = 'pending')", [number]
    )
    [(pending,)] = await cursor.fetchall()
    return bool(pending)
