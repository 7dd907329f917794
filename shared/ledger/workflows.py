"""Named graphs, and each immutable version of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.errors import Conflict, NotFound


class NoSuchWorkflow(NotFound):
    """There is no such workflow version."""

    code = "no_such_workflow"


class VersionTaken(Conflict):
    """This version stands already, with another definition."""

    code = "version_taken"
    advice = "Give the changed workflow a new version."


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """One immutable version of a workflow."""

    id: int
    workflow: str
    version: str
    kind: Literal["python"]
    definition: dict[str, Any]
    """For Python: `{"entrypoint": "module:build_app"}`."""


_COLUMNS = "id, workflow, version, kind, definition"


async def publish(
    tx: Connection, *, workflow: str, version: str, kind: Literal["python"], definition: dict[str, Any]
) -> WorkflowVersion:
    """Store a version of a workflow, or find it when it is stored already.

    Raises:
        VersionTaken: It is stored with another definition.
    """
    async with tx.cursor(row_factory=class_row(WorkflowVersion)) as cursor:
        await cursor.execute(
            f"""
            INSERT INTO workflow_versions (workflow, version, kind, definition) VALUES (%s, %s, %s, %s)
            ON CONFLICT (workflow, version) DO UPDATE SET workflow = excluded.workflow
            RETURNING {_COLUMNS}
            """,
            [workflow, version, kind, Jsonb(definition)],
        )
        stored = await cursor.fetchone()
    assert stored is not None  # noqa: S101
    if (stored.kind, stored.definition) != (kind, definition):
        raise VersionTaken(f"{workflow} {version} stands already, with another definition.")
    return stored


async def get(tx: Connection, version_id: int) -> WorkflowVersion:
    """Return a version of a workflow.

    Raises:
        NoSuchWorkflow: There is none with this id.
    """
    async with tx.cursor(row_factory=class_row(WorkflowVersion)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM workflow_versions WHERE id = %s", [version_id])
        version = await cursor.fetchone()
    if version is None:
        raise NoSuchWorkflow
    return version
