"""Pull requests of projects' repositories, as they were seen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from shared.database import Connection
from shared.storable import storable


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request, as it was seen."""

    number: int
    title: str
    url: str
    state: str
    """Of `PullState`."""
    head: str
    """The branch's short name."""
    head_sha: str
    base: str
    merge_sha: str | None
    updated_at: datetime


def newest(pulls: Iterable[Pull]) -> tuple[Pull, ...]:
    """Return each pull request once, as it was changed last."""
    by_number: dict[int, Pull] = {}
    for pull in pulls:
        known = by_number.get(pull.number)
        if known is None or known.updated_at <= pull.updated_at:
            by_number[pull.number] = pull
    return tuple(by_number.values())


async def note(tx: Connection, number: int, pulls: Sequence[Pull]) -> int:
    """Store pull requests, each of them given once. Returns how many are new or have changed."""
    cursor = await tx.execute(
        """
        INSERT INTO pull_requests (repository_id, number, title, url, state, head, head_sha, base, merge_sha, updated_at)
        SELECT %(id)s, * FROM unnest(%(number)s::int[], %(title)s::text[], %(url)s::text[], %(state)s::text[],
                                     %(head)s::text[], %(head_sha)s::text[], %(base)s::text[],
                                     %(merge_sha)s::text[], %(updated_at)s::timestamptz[])
        ON CONFLICT (repository_id, number) DO UPDATE
           SET title = excluded.title, url = excluded.url, state = excluded.state, head = excluded.head,
               head_sha = excluded.head_sha, base = excluded.base, merge_sha = excluded.merge_sha,
               updated_at = excluded.updated_at
         WHERE (pull_requests.*) IS DISTINCT FROM (excluded.*)
        """,
        {
            "id": number,
            "number": [pull.number for pull in pulls],
            "title": [storable(pull.title) for pull in pulls],
            "url": [pull.url for pull in pulls],
            "state": [pull.state for pull in pulls],
            "head": [pull.head for pull in pulls],
            "head_sha": [pull.head_sha for pull in pulls],
            "base": [pull.base for pull in pulls],
            "merge_sha": [pull.merge_sha for pull in pulls],
            "updated_at": [pull.updated_at for pull in pulls],
        },
    )
    return cursor.rowcount


async def of_repository(tx: Connection, number: int, *, open_only: bool = False) -> list[Pull]:
    """Return a repository's pull requests, newest first."""
    async with tx.cursor(row_factory=class_row(Pull)) as cursor:
        await cursor.execute(
            """
            SELECT number, title, url, state, head, head_sha, base, merge_sha, updated_at
              FROM pull_requests WHERE repository_id = %s AND (state = 'open' OR NOT %s) ORDER BY number DESC
            """,
            [number, open_only],
        )
        return await cursor.fetchall()
