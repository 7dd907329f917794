"""The checks of a pull request: waited for without holding anything; a red one is a finding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.output import Output, clean
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.state import Outcome, Pull, State, Step
from graph.orchestrator.tools import CheckWait, Tools, hosting_of
from graph.orchestrator.world import DEFAULT_BRANCH, project_of
from infrastructure.forge.hosting import Check, CheckSource, CheckState, PullRequest, PullState, verdict
from shared.errors import NotNow
from shared.ledger import events
from shared.redaction import Redactor


class ChecksPending(NotNow):
    """The checks are not done yet."""

    code = "checks_pending"
    expected: ClassVar[bool] = True


async def await_checks(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Go on when all checks are done, and look again later when they are not.

    Raises:
        ChecksPending: They are not; the run pauses until the next look.
    """
    repository = await ensure_repository(context, tools, await project_of(context, state))
    pull = await hosting_of(tools).pull_request(repository, state["pull"]["number"])
    if (elsewhere := overtaken(state, context, pull)) is not None:
        return elsewhere
    checks = await hosting_of(tools).checks(repository, pull.head_sha)
    missing = unfinished(state["pull"], checks)
    if verdict(checks) is CheckState.RED:
        return _red(context, pull, checks)
    if not missing:
        return Command(goto=Step.APPROVE_MERGE)
    if _waited_s(state["pull"]) > tools.check_wait.limit_s:
        return _late(tools.check_wait, pull, missing)
    raise ChecksPending(
        f"It waits for the checks of pull request {pull.number}: {', '.join(missing)}",
        until=_next_look(state["pull"], tools.check_wait),
    )


def overtaken(state: State, context: RunContext, pull: PullRequest) -> Command[Step] | None:
    """Say where to go on when people have done something to the pull request; None when they have not."""
    if pull.base != DEFAULT_BRANCH and pull.state is not PullState.CLOSED:
        goes = "was merged" if pull.state is PullState.MERGED else "goes"
        told = {
            "failure": f"Pull request {pull.number} {goes} into {clean(pull.base)}, not into {DEFAULT_BRANCH}.",
            "advice": f"Trying again proposes the work for {DEFAULT_BRANCH}, in another pull request "
            "if this one is left as it is.",
        }
        return Command(update=told, goto=Step.PROPOSE_AGAIN)
    match pull.state:
        case PullState.MERGED:
            text = f"Pull request {pull.number} was merged on GitHub; its commit is tested and released."
            context.emit(events.NOTE_WRITTEN, {"text": text})
            return Command(update={"commit": pull.merge_sha}, goto=Step.CHECKOUT)
        case PullState.CLOSED:
            text = f"Pull request {pull.number} was closed on GitHub."
            context.emit(events.NOTE_WRITTEN, {"text": text})
            return Command(update={"outcome": Outcome.NOT_MERGED.value}, goto=Step.REPORT)
        case PullState.OPEN if pull.head_sha != state["pull"]["head"]:
            text = f"Somebody pushed {pull.head_sha[:12]} to {clean(pull.head)}; its checks are waited for."
            context.emit(events.NOTE_WRITTEN, {"text": text})
            moved = state["pull"] | _begun_now() | {"head": pull.head_sha}
            return Command(update={"pull": moved}, goto=Step.CHECKS)
        case PullState.OPEN:
            return None


def look_again(state: State) -> Command[Step]:
    """Wait for the checks from now on: a person's answer has perhaps taken longer than checks may."""
    return Command(update={"pull": state["pull"] | _begun_now()}, goto=Step.CHECKS)


def unfinished(pull: Pull, checks: Sequence[Check]) -> list[str]:
    """Return the names of the checks that are not done, or not there yet."""
    # Neither a status nor another app's check says anything of the workflows that are awaited: any name may be given.
    there = {check.name for check in checks if check.source is CheckSource.WORKFLOW}
    pending = [check.name for check in checks if check.state is CheckState.PENDING]
    return sorted(clean(name) for name in {*pending, *(set(pull["awaited"]) - there)})


def _begun_now() -> dict[str, str]:
    return {"opened_at": datetime.now(UTC).isoformat()}


def _red(context: RunContext, pull: PullRequest, checks: Sequence[Check]) -> Command[Step]:
    red = [check for check in checks if check.state is CheckState.RED]
    with Output(context, Step.CHECKS) as output:
        for check in red:
            output.add(f"{check.name}: red {check.url}")
            for line in Redactor().text(check.summary).splitlines():
                output.add(line)
    names = ", ".join(clean(check.name) for check in red)
    told = {
        "failure": f"Pull request {pull.number} has a red check: {names}.",
        "advice": f"Look at {clean(red[0].url or pull.url)}. Push a correction to {clean(pull.head)}, "
        "or let the check run again there; then try again.",
    }
    return Command(update=told, goto=Step.PROPOSE_AGAIN)


def _late(wait: CheckWait, pull: PullRequest, missing: Sequence[str]) -> Command[Step]:
    told = {
        "failure": f"The checks of pull request {pull.number} were not done within {wait.limit_s / 60:g} min: "
        f"{', '.join(missing)}.",
        "advice": f"Look at {pull.url}, and whether Actions are on and have a runner; then try again.",
    }
    return Command(update=told, goto=Step.PROPOSE_AGAIN)


def _waited_s(pull: Pull) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(pull["opened_at"])).total_seconds()


def _next_look(pull: Pull, wait: CheckWait) -> datetime:
    pause = min(max(_waited_s(pull) / 4, wait.shortest_s), wait.longest_s)
    return datetime.now(UTC) + timedelta(seconds=pause)
