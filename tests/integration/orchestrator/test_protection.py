"""A new repository's default branch is protected once; what keeps from it is told once, and fails nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import RetryPolicy

from graph.context import RunContext
from graph.orchestrator.merge import merge
from graph.orchestrator.protect import protect
from graph.orchestrator.refusals import ensure_unless_refused
from graph.orchestrator.retries import MOST_ATTEMPTS, is_transient
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools
from infrastructure.forge.github import GitHubUnavailable
from shared.database import Database
from shared.ledger.runs import Run
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.fakes.github.records import ACTIONS_APP
from tests.integration.orchestrator.bench import Bench, claimed, forget_records
from tests.integration.orchestrator.steps import NOTE, proposed


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_it_requires_the_awaited_checks_that_were_there(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _merged(bench, github)
    state["pull"]["awaited"] = ["test", "gone"]

    await protect(state, await claimed(bench, run), bench.tools)

    rules = github.repository("hello").about["protections"]["main"]
    assert rules["required_status_checks"]["checks"] == [{"context": "test", "app_id": ACTIONS_APP}]
    assert rules["required_pull_request_reviews"]["required_approving_review_count"] == 0
    assert rules["enforce_admins"]
    assert (
        await bench.notes(run)
        == "main of hello is protected: what goes there is proposed first, and checked: test."
    )


async def test_done_again_after_a_crash_it_changes_nothing(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _merged(bench, github)
    for _ in range(2):
        await protect(state, await claimed(bench, run), bench.tools)
    assert len((await bench.notes(run)).splitlines()) == 1

    await forget_records(bench, run)
    await protect(state, await claimed(bench, run), bench.tools)
    assert len(github.requests("PUT */protection")) == 1


async def test_what_people_have_protected_stays_as_it_is(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _merged(bench, github)
    hello = github.repository("hello")
    hello.protect("main", approvals=2)

    await protect(state, await claimed(bench, run), bench.tools)

    reviews = hello.about["protections"]["main"]["required_pull_request_reviews"]
    assert reviews["required_approving_review_count"] == 2
    assert await bench.notes(run) == "main of hello is protected already, and stays as it is."


async def test_a_plan_without_protection_is_told_once(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _merged(bench, github)
    hello = github.repository("hello")
    hello.change(free_plan=True)

    for _ in range(2):
        await protect(state, await claimed(bench, run), bench.tools)

    assert await bench.notes(run) == (
        "main of hello is not protected: GitHub refuses: Upgrade to GitHub Pro or make this repository public "
        "to enable this feature. Make the repository public, or upgrade the owner's plan."
    )
    assert hello.about["protections"] == {}


async def test_a_token_that_may_not_is_told_which_right_it_lacks(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _merged(bench, github)
    rights = ("contents", "pull_requests", "checks", "statuses")
    github.grant(github.token, dict.fromkeys(rights, "write"))

    await protect(state, await claimed(bench, run), bench.tools)

    assert "it takes the permission administration: write. Give the token" in await bench.notes(run)


async def test_trouble_that_may_pass_is_tried_again_and_told_when_it_does_not(bench: Bench) -> None:
    run = await bench.accept(NOTE)
    attempts = 0

    async def make() -> dict[str, object]:
        nonlocal attempts
        attempts += 1
        raise GitHubUnavailable

    async def node(state: State, runtime: Runtime[RunContext]) -> State:
        result = await ensure_unless_refused(
            runtime.context, "protection", "protection", {}, make, note=lambda made: str(made["refused"])
        )
        return State(failure=str(result["refused"]))

    graph = StateGraph(State, context_schema=RunContext)
    again = RetryPolicy(initial_interval=0.01, max_attempts=MOST_ATTEMPTS, retry_on=is_transient)
    graph.add_node("node", node, retry_policy=again)
    graph.add_edge(START, "node")

    went = await graph.compile().ainvoke(State(), context=await claimed(bench, run))

    assert attempts == MOST_ATTEMPTS
    assert went["failure"] == await bench.notes(run) == GitHubUnavailable().message


async def _merged(bench: Bench, github: FakeGitHub) -> tuple[Run, State]:
    """Have a run whose pull request is merged, with a green check."""
    github.always_check("test")
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    await merge(state, await claimed(bench, run), bench.tools)
    return run, state
