"""A project's files in the run's workspace: from a blueprint, or from a commit."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from graph.context import RunContext
from graph.orchestrator.output import Output
from graph.orchestrator.plan import blueprint_digest
from graph.orchestrator.state import State, Step, brief_of
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of, repository_of
from shared.errors import Conflict
from shared.ledger import events


class BlueprintChanged(Conflict):
    """The blueprint has changed since the plan was approved."""

    code = "blueprint_changed"
    advice = "Start the build anew, and look at its plan again."


async def scaffold(state: State, context: RunContext, tools: Tools) -> State:
    """Write a new project's files, and show which."""
    workspace = await fresh_tree(state, context, tools)
    async with Output(context, Step.SCAFFOLD) as output:
        for name in await asyncio.to_thread(_files, workspace):
            await output.line(name)
    return State()


async def checkout(state: State, context: RunContext, tools: Tools) -> State:
    """Take the project's files from the commit that is to be deployed."""
    await fresh_tree(state, context, tools)
    await context.emit(events.NOTE_WRITTEN, {"text": f"Commit {state['commit'][:12]} is checked out."})
    return State()


async def fresh_tree(state: State, context: RunContext, tools: Tools) -> Path:
    """Return the workspace with the project's files as they were approved, and nothing else.

    Whatever was in it is gone: tests are hostile and may have changed it, and
    an earlier attempt may have died half way, or on another machine.

    Raises:
        BlueprintChanged: The blueprint is not the one whose plan was approved.
        NoCommit: The commit is not in the repository any more.
    """
    workspace = await tools.workspaces.reset(str(context.run.id))
    if "commit" in state:
        repository = repository_of(await project_of(context, state))
        await tools.forge.export(repository, state["commit"], workspace)
        return workspace
    if await blueprint_digest(tools, state["blueprint"]) != state["blueprint_digest"]:
        raise BlueprintChanged
    await tools.coder.write(brief_of(state), workspace)
    return workspace


def _files(directory: Path) -> list[str]:
    return sorted(
        str(Path(parent, name).relative_to(directory))
        for parent, _, names in os.walk(directory)
        for name in names
    )
