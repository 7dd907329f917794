"""Work in progress, saved beside all branches: a lost machine loses nothing that was written."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from graph.context import RunContext
from graph.orchestrator.approve_workflows import refuse_unapproved
from graph.orchestrator.fence import fenced
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.tree import written_tree
from graph.orchestrator.world import project_of
from infrastructure.forge import Repository
from shared.ledger import kept_work


async def save_work(state: State, context: RunContext, tools: Tools) -> State:
    """Save the files that the step before has written; the repository is made for that, and is empty otherwise.

    Raises:
        NameTaken: Somebody else has a repository of the project's name.
        WorkflowsNotApproved: There are workflows in it that nobody has approved.
    """
    project = await project_of(context, state)
    repository = await ensure_repository(context, tools, project)
    tree = await written_tree(state, context, tools)
    async with fenced(context) as tx:
        # Before it is there: whoever finds the run ended knows then what to take away.
        await kept_work.note(tx, context.run.id)
    saved = await context.ensure(
        f"work:{state['tree'][:12]}",
        "work",
        {"repository": repository.identity, "tree": state["tree"]},
        partial(_save, state, context, tools, repository, tree),
    )
    return State(kept=saved["sha"])


async def _save(
    state: State, context: RunContext, tools: Tools, repository: Repository, tree: Path
) -> dict[str, Any]:
    refuse_unapproved(state, await hosting_of(tools).workflow_changes(repository, tree, since=None))
    sha = await tools.forge.save_work(
        repository, tree, run=str(context.run.id), author_date=context.run.created_at
    )
    return {"sha": sha}
