"""The protection of a new repository's default branch, once what checks its pull requests stands there."""

from __future__ import annotations

from functools import partial
from typing import Any

from graph.context import RunContext
from graph.orchestrator.output import clean
from graph.orchestrator.refusals import because, ensure_unless_refused
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.world import DEFAULT_BRANCH, project_of, repository_of
from infrastructure.forge import Repository
from infrastructure.forge.hosting import CheckSource
from shared.ledger.projects import Project


async def protect(state: State, context: RunContext, tools: Tools) -> State:
    """Let what goes to the default branch from now on be proposed, and checked as this was.

    A plan or a token that does not let us is told, and is no failure.
    """
    project = await project_of(context, state)
    await ensure_unless_refused(
        context,
        "protection",
        "protection",
        {"project": str(project.id), "branch": DEFAULT_BRANCH},
        partial(_protect, state, tools, repository_of(project)),
        note=partial(_note, project),
    )
    return State()


async def _protect(state: State, tools: Tools, repository: Repository) -> dict[str, Any]:
    """Require the checks that were there: one that people have taken out would keep everything out for good."""
    hosting = hosting_of(tools)
    pull = await hosting.pull_request(repository, state["pull"]["number"])
    there = {
        check.name
        for check in await hosting.checks(repository, pull.head_sha)
        if check.source is CheckSource.WORKFLOW
    }
    checks = [name for name in state["pull"]["awaited"] if name in there]
    new = await hosting.protect(repository, DEFAULT_BRANCH, checks=checks)
    return {"new": new, "checks": checks}


def _note(project: Project, result: dict[str, Any]) -> str:
    branch = f"{DEFAULT_BRANCH} of {project.name}"
    if "refused" in result:
        return f"{branch} is not protected: {because(result)}"
    if not result["new"]:
        return f"{branch} is protected already, and stays as it is."
    checked = ", ".join(clean(name) for name in result["checks"])
    return f"{branch} is protected: what goes there is proposed first{f', and checked: {checked}' if checked else ''}."
