"""A build on GitHub whose steps are done again after a crash: GitHub has one of everything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from langgraph.types import Command

from graph.orchestrator.approve_merge import proposal
from graph.orchestrator.approve_workflows import WorkflowsNotApproved
from graph.orchestrator.intake import take_in_build
from graph.orchestrator.merge import merge
from graph.orchestrator.plan import plan
from graph.orchestrator.propose import propose
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.save_work import save_work
from graph.orchestrator.scaffold import scaffold
from graph.orchestrator.state import ApprovedMerge, State
from graph.orchestrator.tools import Tools, hosting_of
from graph.orchestrator.work import Build
from shared.database import Database
from shared.ledger.runs import Run, Status
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.integration.orchestrator.bench import (
    Bench,
    claimed,
    forget_records,
    go_with_a_new_worker_in_every_step,
)

NOTE = Build(blueprint="note", name="hello", description="A note to the world")

CHECKED = NOTE.model_copy(update={"blueprint": "checked"})


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_saving_and_proposing_done_again_change_nothing(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await _scaffolded(bench, run)
    for _ in range(2):
        state.update(await save_work(state, await claimed(bench, run), bench.tools))
        await forget_records(bench, run)
    first = _update(await propose(state, await claimed(bench, run), bench.tools))
    await forget_records(bench, run)
    again = _update(await propose(state, await claimed(bench, run), bench.tools))

    assert again["pull"]["head"] == first["pull"]["head"]
    assert len(github.repositories) == len(github.repository("hello").pulls) == 1
    assert [entry["sha"] for entry in github.repository("hello").log("main")] == [first["pull"]["begun_at"]]


async def test_a_merge_done_again_is_the_same_merge(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await _proposed(bench, run)
    first = _update(await merge(state, await claimed(bench, run), bench.tools))
    assert _update(await merge(state, await claimed(bench, run), bench.tools)) == first

    # Between the merge and its record: nobody can tell any more who merged, so it is tested once more.
    await forget_records(bench, run)
    again = await merge(state, await claimed(bench, run), bench.tools)
    assert (again.goto, _update(again)["commit"]) == ("checkout", first["commit"])
    assert github.repository("hello").head("main") == first["commit"]


async def test_a_merge_that_was_not_approved_is_not_made(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await _proposed(bench, run)
    hello = github.repository("hello")
    moved = hello.push({"LICENSE": "Free\n"}, "main", by="bob")
    answer = await merge(state, await claimed(bench, run), bench.tools)
    assert answer.goto == "approve_merge"
    assert hello.head("main") == moved


async def test_workflows_that_nobody_has_approved_are_not_pushed(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(CHECKED)
    state = await _scaffolded(bench, run, CHECKED)
    with pytest.raises(WorkflowsNotApproved, match=r"\.github/workflows/ci\.yml"):
        await save_work(state, await claimed(bench, run), bench.tools)
    with pytest.raises(WorkflowsNotApproved):
        await propose(state, await claimed(bench, run), bench.tools)
    hello = github.repository("hello")
    assert not any(hello.files(ref) for ref in hello.refs())

    state["workflows"] = [".github/workflows/ci.yml"]
    state.update(await save_work(state, await claimed(bench, run), bench.tools))
    assert (await propose(state, await claimed(bench, run), bench.tools)).goto == "checks"


async def test_a_build_whose_worker_goes_in_every_step_ends_as_if_it_had_not(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.accept(NOTE)
    for _ in range(4):
        await go_with_a_new_worker_in_every_step(bench, run)
        if (await bench.run(run)).status is Status.WAITING:
            await bench.decide(run, "approve")
    run = await bench.run(run)
    assert run.status is Status.SUCCEEDED, run.reason
    [hello] = github.repositories
    [pull] = hello.pulls
    assert pull.merge_sha == hello.head("main")
    assert len(await bench.deployments(await bench.project("hello"))) == 1


async def _scaffolded(bench: Bench, run: Run, build: Build = NOTE) -> State:
    context = await claimed(bench, run)
    state = State(kind="build", blueprint=build.blueprint, name=build.name, description=build.description)
    state.update(_update(await take_in_build(state, context, bench.tools)))
    state.update(await plan(state, context, bench.tools))
    state.update(await scaffold(state, context, bench.tools))
    state["tests"] = "1 passed"
    return state


async def _proposed(bench: Bench, run: Run) -> State:
    """Return the state with a pull request whose merge is approved."""
    state = await _scaffolded(bench, run)
    state.update(_update(await propose(state, await claimed(bench, run), bench.tools)))
    context, project = await claimed(bench, run), await bench.project("hello")
    repository = await ensure_repository(context, bench.tools, project)
    pull = await hosting_of(bench.tools).pull_request(repository, state["pull"]["number"])
    question = await proposal(state, bench.tools, project, repository, pull)
    assert question is not None
    state["approved_merge"] = ApprovedMerge(digest=question.digest, head=pull.head_sha, base=pull.base_sha)
    return state


def _update(command: Command[Any]) -> State:
    return cast("State", command.update)
