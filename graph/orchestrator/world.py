"""What stands in the ledgers about the project that a run works on."""

from __future__ import annotations

from uuid import UUID

from graph.context import RunContext
from graph.orchestrator.state import State
from infrastructure.forge import Repository
from shared.errors import BadInput
from shared.ids import ProjectId, ReleaseId
from shared.ledger import deployments, projects, releases, repositories
from shared.ledger.projects import NoSuchProject, Project
from shared.ledger.releases import Release

DEFAULT_BRANCH = "main"
"""Of every repository that is made here; people may choose another one on GitHub."""


class NothingPublished(BadInput):
    """The project has no repository yet: its build did not get that far."""

    code = "nothing_published"
    advice = "Build it with /new; its name is free for that."


async def project_of(context: RunContext, state: State) -> Project:
    """Return the run's project.

    Raises:
        NoSuchProject: It was removed.
    """
    project = await any_project_of(context, state)
    if project.removed_at is not None:
        raise NoSuchProject(f"{project.name} was removed.")
    return project


async def any_project_of(context: RunContext, state: State) -> Project:
    """Return the run's project, also when it was removed."""
    async with context.database.connection() as connection:
        return await projects.get(connection, ProjectId(UUID(state["project_id"])))


def repository_of(project: Project) -> Repository:
    """Return where the project's code lives.

    Raises:
        NothingPublished: Nowhere yet.
    """
    if project.repository is None:
        raise NothingPublished(f"{project.name} has no repository yet: its build did not get that far.")
    return Repository(**project.repository)


async def default_branch_of(context: RunContext, project: Project) -> str:
    """Return the project's default branch, as the sync with GitHub knows it."""
    async with context.database.connection() as connection:
        known = await repositories.of_project(connection, project.id)
    return DEFAULT_BRANCH if known is None or known.default_branch is None else known.default_branch


async def release_of(context: RunContext, state: State) -> Release:
    """Return the release that the run puts on the server."""
    async with context.database.connection() as connection:
        return await releases.get(connection, ReleaseId(UUID(state["release_id"])))


async def serving_before(context: RunContext, project: Project) -> Release | None:
    """Return the release that ran before this run, whatever this run has deployed since."""
    async with context.database.connection() as connection:
        last = await deployments.last_succeeded(connection, project.id)
        if last is None:
            return None
        before = last.previous_release_id if last.run_id == context.run.id else last.release_id
        return await releases.get(connection, before) if before else None
