"""Proposing the work: a branch of the run's own, and a pull request that says how it came about."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.approve_workflows import refuse_unapproved
from graph.orchestrator.pull_description import describe, title_of
from graph.orchestrator.questions import LEAVE_IT, TRY_AGAIN, approval, ask
from graph.orchestrator.repository import ensure_repository, note_repository
from graph.orchestrator.state import Pull, State, Step
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.tree import written_tree
from graph.orchestrator.world import DEFAULT_BRANCH, project_of
from infrastructure.forge import BranchMoved, NoCommit, Repository
from infrastructure.forge.hosting import PullRequest
from infrastructure.forge.proposals import proposal_branch
from infrastructure.forge.workflows import checks_of_pull_requests
from shared.errors import TelewrightError
from shared.ledger import events
from shared.ledger.projects import Project
from shared.policy import Effect, group_of, rule_for


class ProposalLeft(TelewrightError):
    """What was proposed cannot be merged, and was left so."""

    code = "proposal_left"
    advice = "Look at the repository; /deploy puts live what is merged there, /remove puts it away."


async def propose(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Push what was tested to a branch, and open its pull request; an open one is brought up to date."""
    project = await project_of(context, state)
    repository = await ensure_repository(context, tools, project)
    try:
        commits = await _commits(state, context, tools, project, repository)
        pull = await _pull_request(state, context, tools, project, repository)
    except (BranchMoved, NoCommit) as error:
        told = {"failure": error.message, "advice": error.advice}
        return Command(update=told, goto=Step.PROPOSE_AGAIN)
    if "pull" not in state or state["pull"]["number"] != pull.number:
        context.emit(events.NOTE_WRITTEN, {"text": f"Pull request {pull.number} is open: {pull.url}"})
    tree = await written_tree(state, context, tools)
    proposed = Pull(
        number=pull.number,
        url=pull.url,
        branch=pull.head,
        proposed=commits["sha"],
        begun_at=commits["begun_at"],
        head=pull.head_sha,
        awaited=list(await asyncio.to_thread(checks_of_pull_requests, tree)),
        opened_at=datetime.now(UTC).isoformat(),
    )
    return Command(update={"pull": proposed}, goto=Step.CHECKS)


async def propose_again(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether to go on with a proposal that cannot be merged as it stands.

    Raises:
        ProposalLeft: A person decided to leave it.
    """
    project = await project_of(context, state)
    number = state.get("proposal", 1)
    question = approval(
        "question",
        f"The proposal for {project.name} cannot be merged. Try again?",
        rule=rule_for(Effect.PULL_REQUEST, group_of(project.server)),
        subject={"do": "propose again", "project": str(project.id), "proposal": number},
        facts={"Pull request": state["pull"]["url"] if "pull" in state else ""},
        choices=[TRY_AGAIN, LEAVE_IT],
        text=f"{state['failure']}\n{state['advice']}",
    )
    answer = ask(question)
    if answer.choice == LEAVE_IT.key:
        goes = (
            f" {state['pull']['url']} is closed, unless somebody has pushed to it." if "pull" in state else ""
        )
        raise ProposalLeft(f"{state['failure'].rstrip('.')}.{goes}")
    return Command(update={"proposal": number + 1}, goto=Step.PROPOSE)


def branch_of(context: RunContext) -> str:
    """Return the branch on which a run proposes its work."""
    return proposal_branch(context.run.number)


async def _commits(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository
) -> dict[str, Any]:
    branch = branch_of(context)
    commits = await context.ensure(
        # Of each proposal: the branch may have been deleted since the one before.
        f"commit:{state.get('proposal', 1)}",
        "commit",
        {"repository": repository.identity, "branch": branch, "tree": state["tree"]},
        partial(_make_commits, state, context, tools, project, repository, branch),
    )
    await note_repository(context, tools, project, repository)
    return commits


async def _make_commits(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository, branch: str
) -> dict[str, Any]:
    """Let the default branch begin with nothing, and the run's branch stand one commit further.

    GitHub merges only what has a beginning in common. A branch that was proposed before is left
    as it is while it stands: people have perhaps put something else there.
    """
    if "pull" in state and await tools.forge.head(repository, branch) is not None:
        return {"sha": state["pull"]["proposed"], "begun_at": state["pull"]["begun_at"]}
    tree = await written_tree(state, context, tools)
    empty = await _empty_directory(tree)
    push = partial(
        tools.forge.commit,
        repository,
        # Not now: the same commits must come out when this is done again after a crash.
        author_date=context.run.created_at,
        trailers={"Telewright-Run": str(context.run.number)},
    )
    begin = f"Begin {project.name}"
    begun = await push(empty, branch=DEFAULT_BRANCH, message=begin, expected_parent=None)
    await push(empty, branch=branch, message=begin, expected_parent=None)
    changed = await hosting_of(tools).workflow_changes(repository, tree, since=begun.sha)
    refuse_unapproved(state, changed)
    commit = await push(
        tree,
        branch=branch,
        message=title_of(project),
        expected_parent=begun.sha,
    )
    return {"sha": commit.sha, "begun_at": begun.sha}


async def _empty_directory(tree: Path) -> Path:
    directory = tree.parent / "nothing"
    await asyncio.to_thread(directory.mkdir, exist_ok=True)
    return directory


async def _pull_request(
    state: State, context: RunContext, tools: Tools, project: Project, repository: Repository
) -> PullRequest:
    """Return the pull request as it stands; the ledger notes that each proposal has made it."""
    branch, number = branch_of(context), state.get("proposal", 1)
    title, body = await describe(state, context, project)
    found: list[PullRequest] = []

    async def make() -> dict[str, Any]:
        pull = await hosting_of(tools).ensure_pull_request(
            repository, head=branch, base=DEFAULT_BRANCH, title=title, body=body
        )
        found.append(pull)
        return {"number": pull.number, "url": pull.url}

    made = await context.ensure(
        f"pull_request:{number}",
        "pull_request",
        {"repository": repository.identity, "branch": branch, "proposal": number},
        make,
    )
    return found[0] if found else await hosting_of(tools).pull_request(repository, made["number"])
