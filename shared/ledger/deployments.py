"""Acts of putting a release on a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import DeploymentId, ProjectId, ReleaseId, RunId
from shared.ledger.releases import Release
from shared.ledger.releases import get as get_release


@dataclass(frozen=True, slots=True)
class Deployment:
    """One act of putting a release on a server."""

    id: DeploymentId
    project_id: ProjectId
    release_id: ReleaseId
    run_id: RunId
    attempt: int
    server: str
    fence: int
    """Grows with every try; a server refuses a lower one than it has seen."""
    status: Literal["started", "succeeded", "failed"]
    url: str | None
    reason: str | None
    previous_release_id: ReleaseId | None
    started_at: datetime
    ended_at: datetime | None


_COLUMNS = """
    id, project_id, release_id, run_id, attempt, server, fence, status, url, reason, previous_release_id, started_at,
    ended_at
"""


async def next_fence(tx: Connection) -> int:
    """Return a number above every one returned before."""
    cursor = await tx.execute("SELECT nextval('deployment_fence')")
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


async def start(
    tx: Connection, *, project_id: ProjectId, release_id: ReleaseId, run_id: RunId, attempt: int, server: str
) -> Deployment:
    """Store that a deployment starts; one that was interrupted goes on under a higher fence."""
    running = await running_release(tx, project_id)
    async with tx.cursor(row_factory=class_row(Deployment)) as cursor:
        await cursor.execute(
            f"""
            INSERT INTO deployments (project_id, release_id, run_id, attempt, server, fence, previous_release_id)
            VALUES (%(project_id)s, %(release_id)s, %(run_id)s, %(attempt)s, %(server)s, %(fence)s, %(previous)s)
            ON CONFLICT (run_id, attempt) DO UPDATE SET fence = excluded.fence
            RETURNING {_COLUMNS}
            """,
            {
                "project_id": project_id,
                "release_id": release_id,
                "run_id": run_id,
                "attempt": attempt,
                "server": server,
                "fence": await next_fence(tx),
                "previous": running.id if running else None,
            },
        )
        deployment = await cursor.fetchone()
    assert deployment is not None  # noqa: S101
    return deployment


async def succeed(tx: Connection, deployment_id: DeploymentId, *, url: str) -> None:
    """Store that the release serves at this address."""
    await tx.execute(
        "UPDATE deployments SET status = 'succeeded', url = %s, ended_at = clock_timestamp() WHERE id = %s",
        [url, deployment_id],
    )


async def fail(tx: Connection, deployment_id: DeploymentId, *, reason: str) -> None:
    """Store that the release could not be put there; what served before still does."""
    await tx.execute(
        "UPDATE deployments SET status = 'failed', reason = %s, ended_at = clock_timestamp() WHERE id = %s",
        [reason, deployment_id],
    )


async def fail_started(tx: Connection, run_id: RunId, *, reason: str) -> None:
    """Store that what a run had begun was not finished, since the run ends."""
    await tx.execute(
        """
        UPDATE deployments SET status = 'failed', reason = %s, ended_at = clock_timestamp()
         WHERE run_id = %s AND status = 'started'
        """,
        [reason, run_id],
    )


async def last_succeeded(tx: Connection, project_id: ProjectId) -> Deployment | None:
    """Return the deployment whose release the project runs (index deployments_of_project)."""
    async with tx.cursor(row_factory=class_row(Deployment)) as cursor:
        await cursor.execute(
            f"""
            SELECT {_COLUMNS} FROM deployments
             WHERE project_id = %s AND status = 'succeeded' ORDER BY ended_at DESC LIMIT 1
            """,
            [project_id],
        )
        return await cursor.fetchone()


async def running_release(tx: Connection, project_id: ProjectId) -> Release | None:
    """Return the release a project runs, if any."""
    deployment = await last_succeeded(tx, project_id)
    return await get_release(tx, deployment.release_id) if deployment else None


async def of_project(tx: Connection, project_id: ProjectId, *, limit: int = 20) -> list[Deployment]:
    """Return a project's deployments, newest first."""
    async with tx.cursor(row_factory=class_row(Deployment)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM deployments WHERE project_id = %s ORDER BY started_at DESC LIMIT %s",
            [project_id, limit],
        )
        return await cursor.fetchall()
