"""A merge becomes what was approved and tested, whatever people do to the pull request meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from graph.orchestrator.approve_merge import approve_merge
from graph.orchestrator.checks import ChecksPending, await_checks
from graph.orchestrator.merge import merge
from graph.orchestrator.state import Step
from graph.orchestrator.tools import Tools
from shared.database import Database
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.integration.orchestrator.bench import Bench, claimed
from tests.integration.orchestrator.steps import NOTE, proposed, update

OTHER = "other"


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


@pytest.mark.parametrize("by_hand", [False, True])
async def test_what_lands_on_a_push_of_the_last_moment_is_tested_before_it_is_released(
    bench: Bench, github: FakeGitHub, by_hand: bool
) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    hello = github.repository("hello")
    last_moment = github.fail("PUT */merge", held=True)
    merging = asyncio.create_task(merge(state, await claimed(bench, run), bench.tools))
    await github.until(lambda: last_moment.hits == 1)
    hello.push({"LICENSE": "Free\n"}, "main", by="bob")
    if by_hand:
        hello.merge_pull(1, by="bob", method="squash")
    last_moment.cancel()

    went = await merging

    assert "LICENSE" in hello.files("main")
    assert (went.goto, update(went)["commit"]) == (Step.CHECKOUT, hello.head("main"))


async def test_what_was_tested_is_released_as_it_is_merged_and_under_our_title(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    hello = github.repository("hello")
    hello.edit_pull(1, title="Not what was approved")

    went = await merge(state, await claimed(bench, run), bench.tools)

    assert went.goto == Step.PUBLISH
    [merged, *_] = hello.log("main")
    assert merged["message"] == f"Create hello from the blueprint note (#1)\n\nTelewright-Run: {run.number}"


async def test_a_merge_that_would_say_something_else_is_asked_about_anew(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    before = github.repository("hello").head("main")
    async with bench.database.transaction() as tx:
        await tx.execute("UPDATE projects SET blueprint = 'checked'")

    went = await merge(state, await claimed(bench, run), bench.tools)

    assert went.goto == Step.APPROVE_MERGE
    assert github.repository("hello").head("main") == before


async def test_a_pull_request_that_goes_into_another_branch_is_not_merged(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    hello = github.repository("hello")
    hello.set_ref(f"refs/heads/{OTHER}", hello.head("main"))
    hello.edit_pull(1, base=OTHER)

    went = await merge(state, await claimed(bench, run), bench.tools)

    assert went.goto == Step.CHECKS
    assert hello.head(OTHER) == hello.head("main")
    told = await await_checks(state, await claimed(bench, run), bench.tools)
    assert told.goto == Step.PROPOSE_AGAIN
    assert update(told)["failure"] == "Pull request 1 goes into other, not into main."


async def test_what_was_merged_into_another_branch_is_not_released(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    hello = github.repository("hello")
    hello.set_ref(f"refs/heads/{OTHER}", hello.head("main"))
    hello.edit_pull(1, base=OTHER)
    hello.merge_pull(1, by="bob")

    for step in (merge, await_checks):
        went = await step(state, await claimed(bench, run), bench.tools)
        assert went.goto == Step.PROPOSE_AGAIN
        assert "into other, not into main" in update(went)["failure"]


async def test_a_check_that_runs_again_after_a_long_approval_is_not_late(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    state["pull"]["opened_at"] = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    github.repository("hello").check(state["pull"]["head"], "test", "in_progress")

    for step in (approve_merge, merge):
        went = await step(state, await claimed(bench, run), bench.tools)
        assert went.goto == Step.CHECKS
        with pytest.raises(ChecksPending):
            await await_checks({**state, **update(went)}, await claimed(bench, run), bench.tools)
