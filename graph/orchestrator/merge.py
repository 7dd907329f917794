"""Merging what was approved, if that is still what would be merged."""

from __future__ import annotations

from functools import partial
from typing import Any

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.approve_merge import proposal
from graph.orchestrator.questions import tell_change
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.state import ApprovedMerge, State, Step
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.world import project_of
from infrastructure.forge import Repository
from infrastructure.forge.hosting import CannotMerge, HeadMoved, PullRequest, PullState
from shared.ledger import events


async def merge(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Merge the pull request; what comes of it is released, or tested again where it is not what was tested."""
    project = await project_of(context, state)
    repository = await ensure_repository(context, tools, project)
    pull = await hosting_of(tools).pull_request(repository, state["pull"]["number"])
    approved = state["approved_merge"]
    # One that is merged already may have been merged here, right before a crash.
    if pull.state is not PullState.MERGED:
        question = await proposal(state, tools, project, repository, pull)
        if question is None:
            return Command(goto=Step.CHECKS)
        if question.digest != approved["digest"]:
            await tell_change(context, question, approved["digest"])
            return Command(goto=Step.APPROVE_MERGE)
    try:
        merged = await context.ensure(
            f"merge:{approved['digest'][:12]}",
            "merge",
            {"pull_request": pull.number, **approved},
            partial(_merge, state, context, tools, repository, pull, approved),
        )
    except HeadMoved as error:
        context.emit(events.NOTE_WRITTEN, {"text": f"{error.message}, so I look at it again."})
        return Command(goto=Step.CHECKS)
    except CannotMerge as error:
        return Command(update={"failure": error.message, "advice": error.advice}, goto=Step.PROPOSE_AGAIN)
    text = f"Pull request {pull.number} is merged: commit {merged['sha'][:12]}."
    context.emit(events.NOTE_WRITTEN, {"text": text})
    return Command(update={"commit": merged["sha"]}, goto=Step.PUBLISH if merged["tested"] else Step.CHECKOUT)


async def _merge(
    state: State,
    context: RunContext,
    tools: Tools,
    repository: Repository,
    pull: PullRequest,
    approved: ApprovedMerge,
) -> dict[str, Any]:
    """Merge it; of ours on top of what it was made on, nothing comes but what was tested."""
    sha = await hosting_of(tools).merge(
        repository,
        pull.number,
        head_sha=approved["head"],
        base_sha=approved["base"],
        message=f"{pull.title} (#{pull.number})\n\nTelewright-Run: {context.run.number}",
    )
    made, ours = state["pull"], (approved["head"], approved["base"])
    tested = pull.state is PullState.OPEN and ours == (made["proposed"], made["begun_at"])
    return {"sha": sha, "tested": tested}
