"""A project's repository: made for a run, noted with the project once something stands in it, put away."""

from __future__ import annotations

from functools import partial
from typing import Any

from graph.context import RunContext
from graph.orchestrator.fence import fenced
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import repository_of
from infrastructure.forge import NameTaken, Repository
from shared.ledger import effects, projects
from shared.ledger.projects import Project

_MADE = "repository"
"""The effect's key."""


async def ensure_repository(context: RunContext, tools: Tools, project: Project) -> Repository:
    """Return the repository that the run has made for its project, making it the first time."""
    made = await context.ensure(
        _MADE,
        "repository",
        {"project": str(project.id), "name": project.name},
        partial(_make, tools, project),
    )
    return Repository(**made)


async def made_repository(context: RunContext) -> Repository | None:
    """Return the repository that the run has made for its project, if it has come so far."""
    async with context.database.connection() as connection:
        made = [one for one in await effects.of_run(connection, context.run.id) if one.key == _MADE]
    return Repository(**made[0].result) if made and made[0].result is not None else None


async def note_repository(
    context: RunContext, tools: Tools, project: Project, repository: Repository
) -> None:
    """Note with the project where its code lives, as soon as there is any.

    Before that, a build that comes to nothing keeps no name: whoever wants it has the repository put away.
    """
    if project.repository is None:
        async with fenced(context) as tx:
            await projects.set_repository(tx, project.id, _written(repository))
    if repository.id is not None:
        # It is known by its id from now on; whose it is need not stand in its description any more.
        await _found(tools, project, known_id=repository.id)


async def put_away(project: Project, tools: Tools) -> None:
    """Archive a project's repository, so that its name is free.

    Also one that was made but not noted, since the run ended in between: it would block the
    name for good. A repository of the name that somebody else has is left alone.
    """
    repository = repository_of(project) if project.repository else Repository(project.name, url="")
    try:
        await tools.forge.archive(repository, owner_key=str(project.id))
    except NameTaken:
        if project.repository is not None:
            raise


def is_hosted(project: Project, tools: Tools) -> bool:
    """Return whether the project's repository is a place to tell of its releases."""
    return tools.hosting is not None and repository_of(project).web_address is not None


async def _make(tools: Tools, project: Project) -> dict[str, Any]:
    known = repository_of(project).id if project.repository else None
    return _written(await _found(tools, project, known_id=known))


async def _found(tools: Tools, project: Project, *, known_id: int | None) -> Repository:
    return await tools.forge.ensure_repository(
        project.name, _one_line(project.description), owner_key=str(project.id), known_id=known_id
    )


def _written(repository: Repository) -> dict[str, Any]:
    written: dict[str, Any] = {"name": repository.name, "url": repository.url}
    return written if repository.id is None else written | {"id": repository.id}


def _one_line(description: str) -> str:
    return " ".join(description.split())[:200]
