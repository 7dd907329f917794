"""Merging what was approved, if that is still what would be merged."""

from __future__ import annotations

from functools import partial
from typing import Any

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.approve_merge import merge_message, proposal
from graph.orchestrator.checks import look_again
from graph.orchestrator.pull_comments import PullComments
from graph.orchestrator.questions import tell_change
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.state import State, Step
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.world import DEFAULT_BRANCH, project_of
from infrastructure.forge import Repository
from infrastructure.forge.hosting import CannotMerge, HeadMoved, PullRequest, PullState
from shared.ledger import events
from shared.ledger.projects import Project


async def merge(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Merge the pull request; what comes of it is released, or tested again where it is not what was tested."""
    project = await project_of(context, state)
    repository = await ensure_repository(context, tools, project)
    pull = await hosting_of(tools).pull_request(repository, state["pull"]["number"])
    approved = state["approved_merge"]
    # One that is merged already may have been merged here, right before a crash.
    if pull.state is not PullState.MERGED:
        question = await proposal(state, context, tools, project, repository, pull)
        if question is None:
            return look_again(state)
        if question.digest != approved["digest"]:
            await tell_change(context, question, approved["digest"])
            return Command(goto=Step.APPROVE_MERGE)
    try:
        merged = await context.ensure(
            f"merge:{approved['digest'][:12]}",
            "merge",
            {"pull_request": pull.number, **approved},
            partial(_merge, state, context, tools, project, repository, pull),
        )
    except HeadMoved as error:
        context.emit(events.NOTE_WRITTEN, {"text": f"{error.message}, so I look at it again."})
        return look_again(state)
    except CannotMerge as error:
        return Command(update={"failure": error.message, "advice": error.advice}, goto=Step.PROPOSE_AGAIN)
    comments = PullComments(context, tools, repository, pull.number)
    await comments.merged(merged["sha"], approved=approved["digest"])
    text = f"Pull request {pull.number} is merged: commit {merged['sha'][:12]}."
    context.emit(events.NOTE_WRITTEN, {"text": text})
    return Command(update={"commit": merged["sha"]}, goto=Step.PUBLISH if merged["tested"] else Step.CHECKOUT)


async def _merge(
    state: State,
    context: RunContext,
    tools: Tools,
    project: Project,
    repository: Repository,
    pull: PullRequest,
) -> dict[str, Any]:
    """Merge it, and say whether what came of it has the very files that were tested.

    GitHub holds to the head alone: somebody may push to the base, or merge by hand, in the last moment.
    """
    hosting, approved = hosting_of(tools), state["approved_merge"]
    sha = await hosting.merge(
        repository,
        pull.number,
        head_sha=approved["head"],
        base=DEFAULT_BRANCH,
        base_sha=approved["base"],
        message=merge_message(context, project, pull.number),
    )
    tested = pull.state is PullState.OPEN and await hosting.tree_of(repository, sha) == (
        await hosting.tree_of(repository, state["pull"]["proposed"])
    )
    return {"sha": sha, "tested": tested}
