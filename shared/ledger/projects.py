"""Things being built and run: a repository, its releases, its servers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.errors import Conflict, NotFound
from shared.ids import ProjectId, SessionId, UserId

Service = Literal["none", "running", "stopped"]


class NoSuchProject(NotFound):
    """There is no such project."""

    code = "no_such_project"


class NameTaken(Conflict):
    """There is a project of this name already."""

    code = "name_taken"
    advice = "Choose another name; /projects lists those that are taken."


@dataclass(frozen=True, slots=True)
class Project:
    """A thing being built and run."""

    id: ProjectId
    name: str
    blueprint: str
    description: str
    owner_id: UserId
    session_id: SessionId
    server: str
    repository: dict[str, Any] | None
    environment: dict[str, str]
    service: Service
    """What is wanted of the service on its server."""
    created_at: datetime
    removed_at: datetime | None


_COLUMNS = """
    id, name, blueprint, description, owner_id, session_id, server, repository, environment, service, created_at,
    removed_at
"""


async def create(
    tx: Connection,
    *,
    name: str,
    blueprint: str,
    description: str,
    owner_id: UserId,
    session_id: SessionId,
    server: str = "local",
) -> Project:
    """Store a new project.

    Raises:
        NameTaken: A project that is not removed has this name.
    """
    async with tx.cursor(row_factory=class_row(Project)) as cursor:
        await cursor.execute(
            f"""
            INSERT INTO projects (name, blueprint, description, owner_id, session_id, server)
            VALUES (%s, %s, %s, %s, %s, %s)
            ON CONFLICT (name) WHERE removed_at IS NULL DO NOTHING
            RETURNING {_COLUMNS}
            """,
            [name, blueprint, description, owner_id, session_id, server],
        )
        project = await cursor.fetchone()
    if project is None:
        raise NameTaken(f"There is a project called {name} already.")
    return project


async def get(tx: Connection, project_id: ProjectId) -> Project:
    """Return a project, also one that was removed.

    Raises:
        NoSuchProject: There is none with this id.
    """
    async with tx.cursor(row_factory=class_row(Project)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM projects WHERE id = %s", [project_id])
        project = await cursor.fetchone()
    if project is None:
        raise NoSuchProject
    return project


async def by_name(tx: Connection, name: str) -> Project:
    """Return the project of this name (index projects_name).

    Raises:
        NoSuchProject: There is none, or it was removed.
    """
    async with tx.cursor(row_factory=class_row(Project)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM projects WHERE name = %s AND removed_at IS NULL", [name]
        )
        project = await cursor.fetchone()
    if project is None:
        raise NoSuchProject(f"There is no project called {name}.")
    return project


async def lock_by_name(tx: Connection, name: str) -> ProjectId | None:
    """Return the project of this name, if there is one, and let none of its runs begin until the transaction ends.

    Index: projects_name.
    """
    cursor = await tx.execute(
        "SELECT id FROM projects WHERE name = %s AND removed_at IS NULL FOR UPDATE", [name]
    )
    row = await cursor.fetchone()
    return ProjectId(row[0]) if row is not None else None


async def was_removed(tx: Connection, name: str) -> bool:
    """Return whether there was a project of this name that was removed; reads all, which are few."""
    cursor = await tx.execute(
        "SELECT FROM projects WHERE name = %s AND removed_at IS NOT NULL LIMIT 1", [name]
    )
    return await cursor.fetchone() is not None


async def all_of_them(tx: Connection) -> list[Project]:
    """Return the projects that are not removed, by name."""
    async with tx.cursor(row_factory=class_row(Project)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM projects WHERE removed_at IS NULL ORDER BY name")
        return await cursor.fetchall()


async def repository_numbers(tx: Connection) -> set[int]:
    """Return the ids on GitHub of the repositories that projects have which are not removed."""
    cursor = await tx.execute(
        "SELECT (repository->>'id')::bigint FROM projects WHERE removed_at IS NULL AND repository ? 'id'"
    )
    return {row[0] for row in await cursor.fetchall()}


async def set_repository(tx: Connection, project_id: ProjectId, repository: dict[str, Any]) -> None:
    """Note where the project's code lives."""
    await tx.execute("UPDATE projects SET repository = %s WHERE id = %s", [Jsonb(repository), project_id])


async def follow_repository(tx: Connection, number: int, *, name: str, url: str) -> None:
    """Note what the repository with a number is called now, and where it is, for the project that it is of."""
    await tx.execute(
        """
        UPDATE projects SET repository = repository || jsonb_build_object('name', %(name)s::text, 'url', %(url)s::text)
         WHERE removed_at IS NULL AND repository->'id' = to_jsonb(%(id)s::bigint)
           AND (repository->>'name', repository->>'url') IS DISTINCT FROM (%(name)s::text, %(url)s::text)
        """,
        {"id": number, "name": name, "url": url},
    )


async def set_variable(tx: Connection, project_id: ProjectId, name: str, value: str) -> None:
    """Note a plain value of the project's environment; a secret is never stored here."""
    await tx.execute(
        "UPDATE projects SET environment = environment || %s WHERE id = %s",
        [Jsonb({name: value}), project_id],
    )


async def set_service(tx: Connection, project_id: ProjectId, service: Service) -> None:
    """Note what is wanted of the project's service."""
    await tx.execute("UPDATE projects SET service = %s WHERE id = %s", [service, project_id])


async def rename(tx: Connection, project_id: ProjectId, name: str) -> None:
    """Give a project another name, before anything was made under the old one.

    Raises:
        NameTaken: Another project has it.
    """
    try:
        async with tx.transaction():
            await tx.execute("UPDATE projects SET name = %s WHERE id = %s", [name, project_id])
    except psycopg.errors.UniqueViolation as error:
        raise NameTaken(f"There is a project called {name} already.") from error


async def revise(tx: Connection, project_id: ProjectId, *, blueprint: str, description: str) -> None:
    """Note what a project is made from and what it is for, before anything was made."""
    await tx.execute(
        "UPDATE projects SET blueprint = %s, description = %s WHERE id = %s",
        [blueprint, description, project_id],
    )


async def remove(tx: Connection, project_id: ProjectId) -> None:
    """Note that the project is gone; its name is free again, its history stays."""
    await tx.execute(
        "UPDATE projects SET removed_at = now(), service = 'none' WHERE id = %s AND removed_at IS NULL",
        [project_id],
    )
