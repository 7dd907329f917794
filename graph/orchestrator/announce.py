"""Telling on GitHub what is live now: a release of its name, and a word below the pull request it came from."""

from __future__ import annotations

from functools import partial
from typing import Any

from graph.context import RunContext
from graph.orchestrator.output import clean
from graph.orchestrator.pull_comments import PullComments, brought_by
from graph.orchestrator.pull_description import block
from graph.orchestrator.refusals import because, ensure_unless_refused
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.world import project_of, release_of, repository_of
from infrastructure.forge import Repository
from shared.ledger import effects
from shared.ledger.projects import Project
from shared.ledger.questions import digest_of
from shared.ledger.releases import Release

_KIND = "github_release"
"""The effect's, and its key: a run tells of one release."""


async def announce(state: State, context: RunContext, tools: Tools) -> State:
    """Tell of the release that is live, until it is told of; nothing of it can fail the work."""
    project, release = await project_of(context, state), await release_of(context, state)
    repository = repository_of(project)
    pull = await brought_by(context, release)
    if not await is_on_github(context, release):
        await ensure_unless_refused(
            context,
            _KIND,
            _KIND,
            _request(release),
            partial(_make, tools, repository, release, pull),
            note=partial(_note, project, release),
        )
    # A run that has found it live has not put it there.
    if pull is not None and "url" in state:
        comments = PullComments(context, tools, repository, pull)
        await comments.deployed(release, project.server, state["url"])
    return State()


def tag_of(release: Release) -> str:
    """Return the tag that names a release, as people do by its number."""
    return f"release-{release.number}"


async def is_on_github(context: RunContext, release: Release) -> bool:
    """Return whether any run has made the release on GitHub.

    Not whether one has put it live: it may have ended before it told of that, as where nothing answered.
    """
    async with context.database.connection() as connection:
        return await effects.was_made(
            connection, release.project_id, kind=_KIND, request=digest_of(_request(release)), fact="url"
        )


def _request(release: Release) -> dict[str, Any]:
    return {"release": str(release.id)}


async def _make(tools: Tools, repository: Repository, release: Release, pull: int | None) -> dict[str, Any]:
    url = await hosting_of(tools).ensure_release(
        repository,
        tag=tag_of(release),
        commit=release.commit_sha,
        name=f"Release {release.number}",
        body=_notes(release, pull),
    )
    return {"url": url}


def _notes(release: Release, pull: int | None) -> str:
    """Return what a release says of itself: the same for the same release, whoever deploys it."""
    return "\n\n".join(
        [
            *([f"Pull request: #{pull}"] if pull is not None else []),
            f"Commit: {release.commit_sha}",
            f"Archive: `{release.digest}`",
            "### Tests",
            block([clean(release.tests)]),
        ]
    )


def _note(project: Project, release: Release, result: dict[str, Any]) -> str:
    what = f"Release {release.number} of {project.name}"
    if "refused" in result:
        return f"{what} is live, and not among the releases on GitHub: {because(result)}"
    return f"{what} is on GitHub: {result['url']}"
