"""The plan: what would be made, changed until a person agrees with it."""

from __future__ import annotations

import asyncio
from uuid import UUID

from graph.context import RunContext
from graph.orchestrator.fence import fenced
from graph.orchestrator.state import State, brief_of
from graph.orchestrator.tools import Tools
from graph.orchestrator.work import build_title
from graph.roles import Brief, NotUnderstood
from infrastructure.blueprints import BadName, UnknownBlueprint, digest_of, project_name
from shared.ids import ProjectId
from shared.ledger import projects, runs
from shared.ledger.projects import NameTaken


async def plan(state: State, context: RunContext, tools: Tools) -> State:
    """Make the plan, or change it as the comment on the last one says."""
    brief, problem = brief_of(state), ""
    if "comment" in state and state["comment"] is not None:
        try:
            changed = await tools.planner.revise(brief, state["comment"])
            project_name(changed.name)
            await _revise_project(context, state, changed)
            brief = changed
        except (NotUnderstood, BadName, NameTaken) as error:
            problem = f"{error.message} {error.advice}"
    return State(
        blueprint=brief.blueprint,
        name=brief.name,
        description=brief.description,
        blueprint_digest=await blueprint_digest(tools, brief.blueprint),
        comment=None,
        problem=problem,
    )


async def blueprint_digest(tools: Tools, name: str) -> str:
    """Return the SHA-256 (hex) of everything a blueprint consists of: its version.

    Raises:
        UnknownBlueprint: There is none of that name.
    """
    for blueprint in tools.blueprints:
        if blueprint.name == name:
            return await asyncio.to_thread(digest_of, blueprint.directory)
    raise UnknownBlueprint(f"There is no blueprint {name} any more.")


async def _revise_project(context: RunContext, state: State, brief: Brief) -> None:
    """Note the changed plan with the project, and the name with the run.

    Raises:
        NameTaken: Another project has the new name.
    """
    project_id = ProjectId(UUID(state["project_id"]))
    async with fenced(context) as tx:
        await projects.rename(tx, project_id, brief.name)
        await runs.retitle(tx, context.run.id, build_title(brief.name))
        await projects.revise(tx, project_id, blueprint=brief.blueprint, description=brief.description)
