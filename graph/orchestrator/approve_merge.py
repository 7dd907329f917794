"""The approval of a merge, bound to both branches, where they stand, and what will be said of it."""

from __future__ import annotations

from functools import partial

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.checks import look_again, unfinished
from graph.orchestrator.details import of_merge, with_details
from graph.orchestrator.output import clean
from graph.orchestrator.pull_comments import PullComments
from graph.orchestrator.pull_description import title_of
from graph.orchestrator.questions import APPROVE, approval, ask, decline, still_holds
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.state import ApprovedMerge, Outcome, State, Step
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.world import DEFAULT_BRANCH, project_of
from infrastructure.forge import Repository
from infrastructure.forge.hosting import Check, CheckState, PullRequest, PullState, verdict
from shared.ledger.projects import Project
from shared.ledger.questions import Question
from shared.policy import Effect, Rule, group_of, rule_for


async def approve_merge(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether the pull request may be merged, as it stands now."""
    project = await project_of(context, state)
    repository = await ensure_repository(context, tools, project)
    pull = await hosting_of(tools).pull_request(repository, state["pull"]["number"])
    question = await proposal(state, context, tools, project, repository, pull)
    if question is None:
        return look_again(state)
    if not _rule(project).automatic:
        question = await with_details(
            context, question, partial(of_merge, context, tools, repository, pull.base_sha, pull.head_sha)
        )
        answer = ask(question)
        if answer.choice != APPROVE.key:
            await PullComments(context, tools, repository, pull.number).declined("to merge this", answer)
            return Command(update={"outcome": Outcome.NOT_MERGED.value}, goto=Step.REPORT)
        if not await still_holds(context, question, answer):
            return Command(goto=Step.APPROVE_MERGE)
    approved = ApprovedMerge(digest=question.digest, head=pull.head_sha, base=pull.base_sha)
    return Command(update={"approved_merge": approved}, goto=Step.MERGE)


async def proposal(
    state: State,
    context: RunContext,
    tools: Tools,
    project: Project,
    repository: Repository,
    pull: PullRequest,
) -> Question | None:
    """Return the question as the world stands now; None when it is for the checks to say first."""
    if pull.state is not PullState.OPEN or pull.head_sha != state["pull"]["head"]:
        return None
    if pull.base != DEFAULT_BRANCH:
        return None
    hosting = hosting_of(tools)
    checks = await hosting.checks(repository, pull.head_sha)
    if verdict(checks) is CheckState.RED or unfinished(state["pull"], checks):
        return None
    workflows: tuple[str, ...] = ()
    if pull.head_sha != state["pull"]["proposed"]:
        # Ours were approved before they were pushed.
        workflows = await hosting.workflow_changes_between(
            repository, state["pull"]["proposed"], pull.head_sha
        )
    message = merge_message(context, project, pull.number)
    return question_of(state, project, repository, pull, checks, workflows, message)


def merge_message(context: RunContext, project: Project, number: int) -> str:
    """Return the merge commit's message; the pull request's own title can be changed by anybody."""
    return f"{title_of(project)} (#{number})\n\nTelewright-Run: {context.run.number}"


def question_of(
    state: State,
    project: Project,
    repository: Repository,
    pull: PullRequest,
    checks: list[Check],
    workflows: tuple[str, ...],
    message: str,
) -> Question:
    """Return the question whether what stands may be merged, whose digest holds for nothing else.

    Args:
        state: What was proposed and tested.
        project: Whose pull request it is.
        repository: Where.
        pull: As it stands.
        checks: What they say of its head.
        workflows: The paths of those that people have pushed to it.
        message: The merge commit's.
    """
    by_hand = pull.head_sha != state["pull"]["proposed"]
    return approval(
        "merge",
        f"Merge pull request {pull.number} of {project.name}?",
        rule=_rule(project),
        subject={
            "do": "merge",
            "project": str(project.id),
            "repository": repository.id,
            "pull_request": pull.number,
            "head": pull.head_sha,
            "into": pull.base,
            "base": pull.base_sha,
            "message": message,
        },
        facts={
            "Project": project.name,
            "Pull request": pull.url,
            "Head": f"{clean(pull.head)} at {pull.head_sha[:12]}{', pushed by hand' if by_hand else ''}",
            "Base": f"{clean(pull.base)} at {pull.base_sha[:12]}",
            "Checks": ", ".join(f"{clean(check.name)}: {check.state}" for check in checks) or "none",
            "Tests": state["tests"],
            "Commit message": message.partition("\n")[0],
            "Workflows pushed by hand": ", ".join(clean(path) for path in workflows),
        },
        choices=[APPROVE, decline("merge")],
    )


def _rule(project: Project) -> Rule:
    return rule_for(Effect.PULL_REQUEST, group_of(project.server))
