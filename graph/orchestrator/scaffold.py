"""The files of a new project from its blueprint, or of one that stands from its commit."""

from __future__ import annotations

import asyncio

from graph.context import RunContext
from graph.orchestrator.output import Output
from graph.orchestrator.state import State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.tree import digest_of_tree, files_of, write_tree
from shared.ledger import events


async def scaffold(state: State, context: RunContext, tools: Tools) -> State:
    """Write a new project's files, and show which."""
    tree = await write_tree(state, context, tools)
    with Output(context, Step.SCAFFOLD) as output:
        for name in await asyncio.to_thread(files_of, tree):
            output.add(name)
    return State(tree=await asyncio.to_thread(digest_of_tree, tree))


async def checkout(state: State, context: RunContext, tools: Tools) -> State:
    """Take the project's files from the commit that is to be deployed."""
    tree = await write_tree(state, context, tools)
    context.emit(events.NOTE_WRITTEN, {"text": f"Commit {state['commit'][:12]} is checked out."})
    return State(tree=await asyncio.to_thread(digest_of_tree, tree))
