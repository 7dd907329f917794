"""The last step: what the work came to."""

from __future__ import annotations

from typing import assert_never

from graph.context import RunContext
from graph.dashboard import dashboard_address
from graph.orchestrator.clear_proposal import clear_proposal
from graph.orchestrator.fence import fenced
from graph.orchestrator.state import Outcome, State
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import any_project_of, release_of, repository_of
from shared.errors import Cancelled
from shared.ledger import deployments, projects
from shared.ledger.projects import Project


async def report(state: State, context: RunContext, tools: Tools) -> State:
    """Write the run's result, and clear its workspace away.

    Raises:
        Cancelled: A person called it off.
    """
    outcome = Outcome(state["outcome"])
    result: dict[str, str | int] = {"outcome": outcome.value}
    if "project_id" in state:
        project = await any_project_of(context, state)
        result |= await _facts(state, context, tools, outcome, project)
        await clear_proposal(state, context, tools)
        if outcome is Outcome.CANCELLED:
            await _free_name(context, project)
    await tools.workspaces.remove(str(context.run.id))
    return State(result=result | {"summary": _summary(outcome, result)})


async def _facts(
    state: State, context: RunContext, tools: Tools, outcome: Outcome, project: Project
) -> dict[str, str | int]:
    facts: dict[str, str | int] = {"project": project.name}
    if project.repository is not None and (address := repository_of(project).web_address):
        facts["repository"] = address
    if "pull" in state:
        facts["pull_request"] = state["pull"]["url"]
    if "release_id" in state:
        release = await release_of(context, state)
        facts |= {"release": release.number, "commit": release.commit_sha}
    if outcome in {Outcome.LIVE, Outcome.NOTHING_NEW, Outcome.STARTED, Outcome.RESTARTED}:
        async with context.database.connection() as connection:
            last = await deployments.last_succeeded(connection, project.id)
        if last is not None and last.url is not None:
            facts["url"] = last.url
    if tools.dashboard is not None:
        facts["dashboard"] = dashboard_address(tools.dashboard, project=project.name, run=context.run.number)
    return facts


async def _free_name(context: RunContext, project: Project) -> None:
    async with fenced(context) as tx:
        await projects.remove(tx, project.id)


def _summary(outcome: Outcome, facts: dict[str, str | int]) -> str:
    project, release = facts.get("project", ""), facts.get("release", "")
    match outcome:
        case Outcome.LIVE:
            return f"Release {release} of {project} is live."
        case Outcome.NOTHING_NEW:
            return f"Nothing new to deploy: release {release} of {project} is live already."
        case Outcome.NOT_DEPLOYED:
            return f"Release {release} of {project} stands, and was not deployed: you decided against it."
        case Outcome.NOT_MERGED:
            return f"The pull request of {project} was not merged, and nothing was deployed."
        case Outcome.CANCELLED:
            raise Cancelled("Nothing was made.")
        case Outcome.STOPPED:
            return f"{project} is stopped; its releases and data stay."
        case Outcome.STARTED:
            return f"{project} is started."
        case Outcome.RESTARTED:
            return f"{project} is started anew."
        case Outcome.REMOVED:
            return f"{project} is removed; its repository is put away."
        case Outcome.KEPT:
            return f"Nothing was done to {project}: you decided against it."
    assert_never(outcome)
