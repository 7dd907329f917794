"""Immutable artifacts, each named by its commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.errors import NotFound
from shared.ids import ProjectId, ReleaseId, RunId


class NoSuchRelease(NotFound):
    """There is no such release."""

    code = "no_such_release"
    advice = "See /releases for what there is."


@dataclass(frozen=True, slots=True)
class Release:
    """One artifact of a project that can be put on a server."""

    id: ReleaseId
    project_id: ProjectId
    number: int
    """1, 2, 3 … of the project: what people call it."""
    commit_sha: str
    digest: str
    """SHA-256 of the archive, hex."""
    contract: dict[str, Any]
    tests: str
    """What the tests said, in one line."""
    run_id: RunId
    created_at: datetime


_COLUMNS = "id, project_id, number, commit_sha, digest, contract, tests, run_id, created_at"


async def record(
    tx: Connection,
    *,
    project_id: ProjectId,
    commit_sha: str,
    digest: str,
    contract: dict[str, Any],
    tests: str,
    run_id: RunId,
) -> Release:
    """Store a release, or return the one this commit has already."""
    await tx.execute("SELECT 1 FROM projects WHERE id = %s FOR UPDATE", [project_id])
    async with tx.cursor(row_factory=class_row(Release)) as cursor:
        await cursor.execute(
            f"""
            INSERT INTO releases (project_id, number, commit_sha, digest, contract, tests, run_id)
            SELECT %(project_id)s, COALESCE(max(number), 0) + 1, %(commit_sha)s, %(digest)s, %(contract)s,
                   %(tests)s, %(run_id)s
              FROM releases WHERE project_id = %(project_id)s
            ON CONFLICT (project_id, commit_sha) DO UPDATE SET commit_sha = excluded.commit_sha
            RETURNING {_COLUMNS}
            """,
            {
                "project_id": project_id,
                "commit_sha": commit_sha,
                "digest": digest,
                "contract": Jsonb(contract),
                "tests": tests,
                "run_id": run_id,
            },
        )
        release = await cursor.fetchone()
    assert release is not None  # noqa: S101
    return release


async def get(tx: Connection, release_id: ReleaseId) -> Release:
    """Return a release.

    Raises:
        NoSuchRelease: There is none with this id.
    """
    async with tx.cursor(row_factory=class_row(Release)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM releases WHERE id = %s", [release_id])
        release = await cursor.fetchone()
    if release is None:
        raise NoSuchRelease
    return release


async def by_number(tx: Connection, project_id: ProjectId, number: int) -> Release:
    """Return a project's release by the number people use.

    Raises:
        NoSuchRelease: There is none with this number.
    """
    async with tx.cursor(row_factory=class_row(Release)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM releases WHERE project_id = %s AND number = %s", [project_id, number]
        )
        release = await cursor.fetchone()
    if release is None:
        raise NoSuchRelease(f"There is no release {number}.")
    return release


async def worth_keeping(
    tx: Connection, project_id: ProjectId, *, always: int, most: int, days: int
) -> set[str]:
    """Return the commits of a project's releases whose archives are to be kept.

    Those are the newest ones; and, however old, the one that is deployed, the one before it on the
    server, and the one that a rollback would go back to.

    Args:
        tx: A connection.
        project_id: The project.
        always: So many of the newest stay whatever their age.
        most: Those before so many others go whatever theirs.
        days: What is older goes.
    """
    cursor = await tx.execute(
        """
        WITH serving AS (
            SELECT release_id, previous_release_id, number
              FROM deployments JOIN releases ON releases.id = release_id
             WHERE deployments.project_id = %(project_id)s AND status = 'succeeded'
             ORDER BY ended_at DESC LIMIT 1
        ), before AS (
            SELECT release_id
              FROM deployments JOIN releases ON releases.id = release_id
             WHERE deployments.project_id = %(project_id)s AND status = 'succeeded'
               AND releases.number < (SELECT number FROM serving)
             ORDER BY deployments.started_at DESC LIMIT 1
        ), ranked AS (
            SELECT id, commit_sha, created_at, row_number() OVER (ORDER BY number DESC) AS place
              FROM releases WHERE project_id = %(project_id)s
        )
        SELECT commit_sha FROM ranked
         WHERE place <= %(always)s
            OR place <= %(most)s AND created_at >= now() - make_interval(days => %(days)s)
            OR id IN (SELECT release_id FROM serving UNION SELECT previous_release_id FROM serving
                      UNION SELECT release_id FROM before)
        """,
        {"project_id": project_id, "always": always, "most": most, "days": days},
    )
    return {row[0] for row in await cursor.fetchall()}


async def of_project(tx: Connection, project_id: ProjectId, *, limit: int = 20) -> list[Release]:
    """Return a project's releases, newest first."""
    async with tx.cursor(row_factory=class_row(Release)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM releases WHERE project_id = %s ORDER BY number DESC LIMIT %s",
            [project_id, limit],
        )
        return await cursor.fetchall()
