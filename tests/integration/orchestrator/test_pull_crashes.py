"""A build on GitHub whose steps are done again after a crash: GitHub has one of everything."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graph.orchestrator.approve_workflows import WorkflowsNotApproved
from graph.orchestrator.merge import merge
from graph.orchestrator.propose import propose
from graph.orchestrator.save_work import save_work
from graph.orchestrator.tools import Tools
from shared.database import Database
from shared.ledger.runs import Status
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.integration.orchestrator.bench import (
    Bench,
    claimed,
    forget_records,
    go_with_a_new_worker_in_every_step,
)
from tests.integration.orchestrator.steps import NOTE, proposed, scaffolded, update

CHECKED = NOTE.model_copy(update={"blueprint": "checked"})


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_saving_and_proposing_done_again_change_nothing(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await scaffolded(bench, run)
    for _ in range(2):
        state.update(await save_work(state, await claimed(bench, run), bench.tools))
        await forget_records(bench, run)
    first = update(await propose(state, await claimed(bench, run), bench.tools))
    await forget_records(bench, run)
    again = update(await propose(state, await claimed(bench, run), bench.tools))

    assert again["pull"]["head"] == first["pull"]["head"]
    assert len(github.repositories) == len(github.repository("hello").pulls) == 1
    assert [entry["sha"] for entry in github.repository("hello").log("main")] == [first["pull"]["begun_at"]]


async def test_a_merge_done_again_is_the_same_merge(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    first = update(await merge(state, await claimed(bench, run), bench.tools))
    assert update(await merge(state, await claimed(bench, run), bench.tools)) == first

    # Between the merge and its record: nobody can tell any more who merged, so it is tested once more.
    await forget_records(bench, run)
    again = await merge(state, await claimed(bench, run), bench.tools)
    assert (again.goto, update(again)["commit"]) == ("checkout", first["commit"])
    assert github.repository("hello").head("main") == first["commit"]


async def test_a_merge_that_was_not_approved_is_not_made(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    hello = github.repository("hello")
    moved = hello.push({"LICENSE": "Free\n"}, "main", by="bob")
    answer = await merge(state, await claimed(bench, run), bench.tools)
    assert answer.goto == "approve_merge"
    assert hello.head("main") == moved


async def test_workflows_that_nobody_has_approved_are_not_pushed(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.accept(CHECKED)
    state = await scaffolded(bench, run, CHECKED)
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
    assert [said["body"].partition("\n")[2].partition(" ")[0] for said in hello.comments(1)] == [
        "Merged", "Release",
    ]  # fmt: skip
    assert [release["tag"] for release in hello.releases] == ["release-1"]
    notes = await bench.notes(run)
    assert (notes.count("main of hello is protected"), notes.count("is on GitHub: ")) == (1, 1)
    assert len(await bench.deployments(await bench.project("hello"))) == 1
