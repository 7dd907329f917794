"""Publishing: the commit, and the release that is built from it."""

from __future__ import annotations

from functools import partial
from typing import Any

from graph.context import RunContext
from graph.orchestrator.fence import fenced
from graph.orchestrator.repository import ensure_repository, note_repository
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools
from graph.orchestrator.tree import written_tree
from graph.orchestrator.world import DEFAULT_BRANCH, project_of, repository_of
from infrastructure.forge import Repository
from shared.ledger import events, releases
from shared.ledger.projects import Project


async def publish(state: State, context: RunContext, tools: Tools) -> State:
    """Commit what was tested if it is new, and make its release."""
    project = await project_of(context, state)
    if "commit" in state:
        repository, commit = repository_of(project), state["commit"]
    else:
        repository = await ensure_repository(context, tools, project)
        await note_repository(context, tools, project, repository)
        commit = await _commit(state, context, tools, project, repository)
    release = await _release(state, context, tools, project, repository, commit)
    text = f"Release {release['number']} of {project.name} stands: commit {commit[:12]}."
    context.emit(events.NOTE_WRITTEN, {"text": text})
    return State(commit=commit, release_id=release["release_id"])


async def _commit(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository
) -> str:
    made = await context.ensure(
        "commit",
        "commit",
        {
            "repository": repository.identity,
            "branch": DEFAULT_BRANCH,
            "tree": state["tree"],
        },
        partial(_make_commit, state, context, tools, project, repository),
    )
    return str(made["sha"])


async def _make_commit(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository
) -> dict[str, Any]:
    commit = await tools.forge.commit(
        repository,
        await written_tree(state, context, tools),
        branch=DEFAULT_BRANCH,
        message=f"Create {project.name} from the blueprint {project.blueprint}",
        # Not now: the same commit must come out when this is done again after a crash.
        author_date=context.run.created_at,
        expected_parent=None,
        trailers={"Telewright-Run": str(context.run.number)},
    )
    return {"sha": commit.sha, "url": commit.url}


async def _release(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository, commit: str
) -> dict[str, Any]:
    return await context.ensure(
        "release",
        "release",
        {"project": str(project.id), "commit": commit},
        partial(_make_release, state, context, tools, project, repository, commit),
    )


async def _make_release(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository, commit: str
) -> dict[str, Any]:
    artifact = await tools.releases.build(project.name, repository, commit)
    async with fenced(context) as tx:
        release = await releases.record(
            tx,
            project_id=project.id,
            commit_sha=commit,
            digest=artifact.digest,
            contract=artifact.contract.model_dump(mode="json"),
            tests=state["tests"],
            run_id=context.run.id,
        )
    return {"release_id": str(release.id), "number": release.number, "digest": release.digest}
