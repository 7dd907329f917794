"""What is known of projects' repositories on GitHub: what they are, and where they stand.

A row of `repositories` is also its own queue: `due_at` says when it is looked at again. Only the
holder of the sync's lock writes what was seen; whoever hears that something has changed writes
`due_at` alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import ProjectId
from shared.storable import storable

_FIRST_PAUSE_S: Final = 30
_LONGEST_PAUSE_S: Final = 3600
"""A repository that cannot be looked at is left alone for so long: twice as long each time."""

_LONGEST_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """What a repository is, apart from what is in it."""

    id: int
    owner: str
    name: str
    url: str
    """What `git clone` takes."""
    default_branch: str
    archived: bool
    created_at: datetime
    pushed_at: datetime
    """By GitHub's clock, as all of these are."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a repository."""

    id: int
    project_id: ProjectId
    owner: str | None
    name: str | None
    url: str | None
    default_branch: str | None
    """None until it was looked at."""
    archived: bool | None
    pushed_at: datetime | None
    updated_at: datetime | None
    head: str | None
    gone_at: datetime | None
    looked_at: datetime | None
    failures: int
    error: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """A repository that is to be looked at, with what makes the look cheap."""

    known: Known
    began: datetime
    """When the look began, by the database's clock."""
    etags: Mapping[str, str]
    """By path."""
    pulls_until: datetime | None
    """When the newest pull request that is stored was changed."""
    open_heads: Mapping[int, str]
    """Where open pull requests stand, by number."""


_KNOWN = """
    id, project_id, owner, name, url, default_branch, archived, pushed_at, updated_at, head, gone_at, looked_at,
    failures, error
"""

_OF_PROJECTS_THAT_ARE = (
    "EXISTS (SELECT FROM projects WHERE projects.id = repositories.project_id AND removed_at IS NULL)"
)


async def track(tx: Connection) -> int:
    """Take up the repositories that projects have recorded by their id.

    Returns:
        How many are new, or another project's than before.
    """
    cursor = await tx.execute(
        """
        INSERT INTO repositories (id, project_id)
        SELECT DISTINCT ON ((repository->>'id')::bigint) (repository->>'id')::bigint, id
          FROM projects
         WHERE removed_at IS NULL AND jsonb_typeof(repository->'id') = 'number'
         ORDER BY (repository->>'id')::bigint, created_at DESC
        ON CONFLICT (id) DO UPDATE SET project_id = excluded.project_id, due_at = clock_timestamp()
         WHERE repositories.project_id <> excluded.project_id
        """
    )
    return cursor.rowcount


async def all_known(tx: Connection) -> dict[int, Known]:
    """Return what is known, of all projects that are not removed."""
    async with tx.cursor(row_factory=class_row(Known)) as cursor:
        await cursor.execute(f"SELECT {_KNOWN} FROM repositories WHERE {_OF_PROJECTS_THAT_ARE}")
        return {known.id: known for known in await cursor.fetchall()}


async def of_project(tx: Connection, project_id: ProjectId) -> Known | None:
    """Return what is known of the repository that a project has now, if it is one on GitHub."""
    async with tx.cursor(row_factory=class_row(Known)) as cursor:
        await cursor.execute(
            f"""
            SELECT {_KNOWN} FROM repositories
             WHERE id = (SELECT (repository->>'id')::bigint FROM projects WHERE id = %s)
            """,
            [project_id],
        )
        return await cursor.fetchone()


async def call_due(tx: Connection, numbers: Collection[int]) -> int:
    """Have repositories looked at again as soon as may be. Returns how many of them are projects'."""
    cursor = await tx.execute(
        "UPDATE repositories SET due_at = clock_timestamp() WHERE id = ANY(%s)", [sorted(numbers)]
    )
    return cursor.rowcount


async def due(tx: Connection, *, limit: int, but: Collection[int] = ()) -> list[Due]:
    """Return what is to be looked at now, the longest due first (index repositories_due).

    Args:
        tx: A connection.
        limit: The most of them.
        but: Not these.
    """
    async with tx.cursor(row_factory=class_row(Known)) as reading:
        await reading.execute(
            f"""
            SELECT {_KNOWN} FROM repositories
             WHERE due_at <= clock_timestamp() AND id <> ALL(%s) AND {_OF_PROJECTS_THAT_ARE}
             ORDER BY due_at LIMIT %s
            """,
            [list(but), limit],
        )
        some = await reading.fetchall()
    if not some:
        return []
    tags, open_pulls = await _etags(tx, some), await _pulls(tx, some)
    cursor = await tx.execute("SELECT clock_timestamp()")
    [(began,)] = await cursor.fetchall()
    return [
        Due(known, began, tags.get(known.id, {}), *open_pulls.get(known.id, (None, {}))) for known in some
    ]


async def lock(tx: Connection, number: int) -> Known:
    """Lock a repository's row and return it: nobody moves `due_at` unseen until the transaction ends."""
    async with tx.cursor(row_factory=class_row(Known)) as cursor:
        await cursor.execute(f"SELECT {_KNOWN} FROM repositories WHERE id = %s FOR UPDATE", [number])
        known = await cursor.fetchone()
    assert known is not None  # noqa: S101 - rows are never deleted
    return known


async def note_standing(tx: Connection, standing: Standing) -> bool:
    """Store what a repository is. Returns whether that is anything new."""
    cursor = await tx.execute(
        """
        UPDATE repositories
           SET owner = %(owner)s, name = %(name)s, url = %(url)s, default_branch = %(default_branch)s,
               archived = %(archived)s, pushed_at = %(pushed_at)s, updated_at = %(updated_at)s, gone_at = NULL
         WHERE id = %(id)s
           AND (owner, name, url, default_branch, archived, pushed_at, updated_at, gone_at) IS DISTINCT FROM
               (%(owner)s::text, %(name)s::text, %(url)s::text, %(default_branch)s::text, %(archived)s::boolean,
                %(pushed_at)s::timestamptz, %(updated_at)s::timestamptz, NULL::timestamptz)
        """,
        {
            "id": standing.id,
            "owner": standing.owner,
            "name": standing.name,
            "url": standing.url,
            "default_branch": standing.default_branch,
            "archived": standing.archived,
            "pushed_at": standing.pushed_at,
            "updated_at": standing.updated_at,
        },
    )
    return cursor.rowcount == 1


async def note_head(tx: Connection, number: int, head: str | None) -> bool:
    """Store where the default branch stands. Returns whether it has moved."""
    cursor = await tx.execute(
        "UPDATE repositories SET head = %(head)s WHERE id = %(id)s AND head IS DISTINCT FROM %(head)s",
        {"id": number, "head": head},
    )
    return cursor.rowcount == 1


async def note_gone(tx: Connection, number: int) -> bool:
    """Store that a repository is gone; its tags go as well. Returns whether that is new."""
    cursor = await tx.execute(
        "UPDATE repositories SET gone_at = clock_timestamp() WHERE id = %s AND gone_at IS NULL", [number]
    )
    if cursor.rowcount:
        await tx.execute("DELETE FROM etags WHERE repository_id = %s", [number])
    return cursor.rowcount == 1


async def note_looked(
    tx: Connection, number: int, *, began: datetime, again_in_s: float, lacking: str | None = None
) -> None:
    """Store that a look has succeeded, in the transaction that has locked the row.

    What was heard of it since the look began has it looked at again at once.

    Args:
        tx: The transaction.
        number: The repository.
        began: When the look began, by the database's clock.
        again_in_s: When it is looked at again, if nobody hears anything.
        lacking: What could not be seen, for want of a right.
    """
    await tx.execute(
        """
        UPDATE github_deliveries SET handled_at = clock_timestamp()
         WHERE repository_id = %(id)s AND handled_at IS NULL AND received_at <= %(began)s
        """,
        {"id": number, "began": began},
    )
    await tx.execute(
        """
        UPDATE repositories
           SET looked_at = %(began)s, failures = 0, error = %(lacking)s,
               due_at = CASE WHEN EXISTS (SELECT FROM github_deliveries
                                           WHERE repository_id = %(id)s AND handled_at IS NULL)
                             THEN clock_timestamp() ELSE clock_timestamp() + make_interval(secs => %(again)s) END
         WHERE id = %(id)s
        """,
        {"id": number, "began": began, "again": again_in_s, "lacking": _shortened(lacking)},
    )


async def postpone(tx: Connection, number: int, error: str) -> None:
    """Store that a look came to nothing; it is tried again, after longer each time."""
    await tx.execute(
        """
        UPDATE repositories
           SET failures = failures + 1, error = %(error)s,
               due_at = clock_timestamp() + make_interval(
                   secs => least(%(longest)s, %(first)s * 2.0 ^ least(failures, 30)))
         WHERE id = %(id)s
        """,
        {
            "id": number,
            "error": _shortened(error),
            "first": _FIRST_PAUSE_S,
            "longest": _LONGEST_PAUSE_S,
        },
    )


async def rest(tx: Connection, number: int, seconds: float) -> None:
    """Have a repository looked at later, without a word about this time."""
    await tx.execute(
        "UPDATE repositories SET due_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s",
        [seconds, number],
    )


def _shortened(error: str | None) -> str | None:
    return storable(error)[:_LONGEST_ERROR] if error is not None else None


async def _etags(tx: Connection, some: Sequence[Known]) -> dict[int, dict[str, str]]:
    cursor = await tx.execute(
        "SELECT repository_id, path, etag FROM etags WHERE repository_id = ANY(%s)",
        [[known.id for known in some]],
    )
    found: dict[int, dict[str, str]] = {}
    for number, path, etag in await cursor.fetchall():
        found.setdefault(number, {})[path] = etag
    return found


async def _pulls(tx: Connection, some: Sequence[Known]) -> dict[int, tuple[datetime, dict[int, str]]]:
    """Return when a repository's newest pull request was changed, and where the open ones stand."""
    cursor = await tx.execute(
        """
        SELECT repository_id, max(updated_at), jsonb_object_agg(number, head_sha) FILTER (WHERE state = 'open')
          FROM pull_requests WHERE repository_id = ANY(%s) GROUP BY repository_id
        """,
        [[known.id for known in some]],
    )
    return {
        number: (newest, {int(each): sha for each, sha in (heads or {}).items()})
        for number, newest, heads in await cursor.fetchall()
    }
