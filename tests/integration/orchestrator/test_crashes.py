"""Steps that are done again after a crash: the world has one of everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from langgraph.types import Command
from pydantic import SecretStr

from graph.orchestrator.approve_release import proposal
from graph.orchestrator.deploy import deploy
from graph.orchestrator.intake import take_in_build
from graph.orchestrator.operate import operate
from graph.orchestrator.plan import plan
from graph.orchestrator.publish import publish
from graph.orchestrator.report import report
from graph.orchestrator.scaffold import scaffold
from graph.orchestrator.state import State
from graph.orchestrator.work import Build, Remove
from infrastructure.deploy import Deployer, DeploymentFailed, EventHandler
from infrastructure.forge import Repository
from infrastructure.secrets import SecretsFenced
from shared.errors import Cancelled, ClaimLost
from shared.ledger import claims, events
from shared.ledger.claims import Ending
from shared.ledger.runs import Run, Status
from tests.integration.orchestrator.bench import (
    Bench,
    claimed,
    forget_records,
    go_with_a_new_worker_in_every_step,
)
from tests.integration.orchestrator.loopback import LoopbackDeployer

NOTE = Build(blueprint="note", name="hello", description="A note to the world")


async def test_intake_done_again_finds_the_project_it_made(bench: Bench) -> None:
    run = await bench.accept(NOTE)
    first = _update(await take_in_build(_wish(), await claimed(bench, run), bench.tools))
    again = _update(await take_in_build(_wish(), await claimed(bench, run), bench.tools))
    assert first["project_id"] == again["project_id"]
    assert await bench.projects() == ["hello"]


async def test_a_worker_that_lost_its_claim_makes_no_project(bench: Bench) -> None:
    run = await bench.accept(NOTE)
    before = await claimed(bench, run)
    await claimed(bench, run)
    with pytest.raises(ClaimLost):
        await take_in_build(_wish(), before, bench.tools)
    assert await bench.projects() == []


@pytest.mark.parametrize("lost", ["nothing", "the records", "the workspace and the records"])
async def test_publishing_done_again_makes_one_repository_commit_and_release(bench: Bench, lost: str) -> None:
    run = await bench.accept(NOTE)
    state = await _scaffolded(bench, run)
    first = await publish(state, await claimed(bench, run), bench.tools)
    if "records" in lost:
        await forget_records(bench, run)
    if "workspace" in lost:
        await bench.tools.workspaces.remove(str(run.id))

    again = await publish(state, await claimed(bench, run), bench.tools)
    assert again == first
    project = await bench.project("hello")
    assert len(await bench.releases(project)) == 1
    repository = await bench.tools.forge.ensure_repository("hello", "", owner_key=str(project.id))
    assert [entry.sha for entry in await bench.tools.forge.log(repository, "main")] == [first["commit"]]
    assert {effect.key: effect.attempts for effect in await bench.effects(run)} == dict.fromkeys(
        ("repository", "commit", "release"), 2 if "records" in lost else 1
    )


async def test_a_deployment_done_again_goes_on_under_a_higher_fence(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.accept(NOTE)
    state = await _approved(bench, run)
    first = _update(await deploy(state, await claimed(bench, run), bench.tools))
    assert _update(await deploy(state, await claimed(bench, run), bench.tools)) == first
    assert len(deployer.deployed) == 1

    fence = deployer.fences["hello"]
    await forget_records(bench, run)
    again = await deploy(state, await claimed(bench, run), bench.tools)
    assert again.goto == "verify"
    assert deployer.fences["hello"] > fence
    [made] = await bench.deployments(await bench.project("hello"))
    assert (made.status, made.attempt) == ("succeeded", 1)


async def test_a_deployment_that_failed_is_not_tried_again_by_a_crash(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.accept(NOTE)
    state = await _approved(bench, run)
    deployer.failures.append(DeploymentFailed("It did not come up."))
    for _ in range(2):
        answer = await deploy(state, await claimed(bench, run), bench.tools)
        assert (answer.goto, _update(answer)["failure"]) == ("deploy_again", "It did not come up.")
    assert deployer.deployed == []


async def test_a_worker_that_lost_its_claim_deploys_nothing(bench: Bench, deployer: LoopbackDeployer) -> None:
    run = await bench.accept(NOTE)
    state = await _approved(bench, run)
    before = await claimed(bench, run)
    await claimed(bench, run)
    with pytest.raises(Exception, match="is lost"):
        await deploy(state, before, bench.tools)
    assert deployer.deployed == []


async def test_a_removal_done_again_finds_nothing_left_to_do(bench: Bench) -> None:
    project = await bench.live_project()
    run = await bench.accept(Remove(project_id=project.id))
    state = State(kind="remove", project_id=str(project.id))
    for _ in range(2):
        assert (await operate(state, await claimed(bench, run), bench.tools))["outcome"] == "removed"
        await forget_records(bench, run)
    assert await bench.projects() == []


async def test_a_removal_that_comes_late_leaves_a_new_project_of_the_name_alone(bench: Bench) -> None:
    old = await bench.live_project()
    run = await bench.accept(Remove(project_id=old.id))
    state = State(kind="remove", project_id=str(old.id))
    pausing = PausingDeployer(bench.tools.deployer)
    late = asyncio.create_task(
        operate(state, await claimed(bench, run), replace(bench.tools, deployer=pausing))
    )
    await pausing.paused.wait()

    await operate(state, await claimed(bench, run), bench.tools)
    new = await bench.live_project()
    await bench.tools.secrets.set("hello", "API_KEY", SecretStr("made-up"))
    pausing.go_on.set()
    with pytest.raises(SecretsFenced):
        await late

    assert await bench.tools.secrets.names("hello") == ["API_KEY"]
    assert await bench.project("hello") == new


@pytest.mark.parametrize("removed", [False, True])
async def test_a_name_is_free_when_its_run_ended_before_its_repository_was_noted(
    bench: Bench, removed: bool
) -> None:
    run = await bench.accept(NOTE)
    context = await claimed(bench, run)
    await take_in_build(_wish(), context, bench.tools)
    left = await bench.project("hello")
    await bench.tools.forge.ensure_repository("hello", "", owner_key=str(left.id))
    async with bench.database.transaction() as tx:
        held = await claims.lock_held(tx, context.claim)
        await claims.let_go_ended(tx, held, Ending(Status.FAILED))
    if removed:
        await bench.answer(await bench.work(Remove(project_id=left.id)), "approve")
        assert await bench.projects() == []

    new = await bench.live_project()
    assert new.id != left.id


async def test_a_repository_that_is_not_its_own_is_left_alone_by_a_removal(bench: Bench) -> None:
    await bench.tools.forge.ensure_repository("hello", "", owner_key="somebody else")
    project = await bench.bare_project("hello", repository=False)
    run = await bench.answer(await bench.work(Remove(project_id=project.id)), "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    assert await bench.tools.forge.head(Repository("hello", ""), "main") is None


async def test_a_name_whose_repository_is_somebody_elses_says_to_choose_another(bench: Bench) -> None:
    await bench.tools.forge.ensure_repository("hello", "", owner_key="somebody else")
    run = await bench.answer(await bench.work(NOTE), "approve")
    assert (run.status, run.reason_code) == (Status.FAILED, "name_taken")
    assert run.advice == "Choose another name for the project."

    again = await bench.work(NOTE)
    assert (await bench.asks(again)).question["title"] == "Build hello from note?"


async def test_a_report_done_again_says_the_same(bench: Bench) -> None:
    run = await bench.accept(NOTE)
    state = await _scaffolded(bench, run)
    state["outcome"] = "not_deployed"
    first = await report(state, await claimed(bench, run), bench.tools)
    assert await report(state, await claimed(bench, run), bench.tools) == first


async def test_calling_off_done_again_is_the_same(bench: Bench) -> None:
    run = await bench.accept(NOTE)
    state = await _scaffolded(bench, run)
    state["outcome"] = "cancelled"
    for _ in range(2):
        with pytest.raises(Cancelled):
            await report(state, await claimed(bench, run), bench.tools)
    assert await bench.projects() == []


async def test_a_run_whose_worker_goes_in_every_step_ends_as_if_it_had_not(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.accept(NOTE)
    gone = 0
    for _ in range(3):
        gone += await go_with_a_new_worker_in_every_step(bench, run)
        if (await bench.run(run)).status is Status.WAITING:
            await bench.decide(run, "approve")
    run = await bench.run(run)
    assert run.status is Status.SUCCEEDED, run.reason
    project = await bench.project("hello")
    assert [release.number for release in await bench.releases(project)] == [1]
    assert len(await bench.deployments(project)) == 1
    begun = {data["step"] for data in await bench.told(run, events.STEP_STARTED)}
    assert begun >= {"scaffold", "test", "publish", "deploy", "verify", "report"}
    # How many are caught is the machine's: a step is told of a moment later, and may be over by then.
    assert len(await bench.told(run, events.RUN_TAKEN_OVER)) == gone > 0


class PausingDeployer(LoopbackDeployer):
    """Stands still after a removal, as a worker does that is paused."""

    def __init__(self, deployer: Deployer) -> None:
        super().__init__()
        self._deployer = deployer
        self.paused, self.go_on = asyncio.Event(), asyncio.Event()

    async def remove(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        await self._deployer.remove(project, fence=fence, on_event=on_event)
        self.paused.set()
        await self.go_on.wait()


async def _scaffolded(bench: Bench, run: Run) -> State:
    context = await claimed(bench, run)
    state = _wish()
    state.update(_update(await take_in_build(state, context, bench.tools)))
    state.update(await plan(state, context, bench.tools))
    state.update(await scaffold(state, context, bench.tools))
    state["tests"] = "1 passed"
    return state


async def _approved(bench: Bench, run: Run) -> State:
    state = await _scaffolded(bench, run)
    context = await claimed(bench, run)
    state.update(await publish(state, context, bench.tools))
    _, question = await proposal(state, context, bench.tools)
    state["approved"] = question.digest
    return state


def _wish() -> State:
    return State(kind="build", blueprint="note", name="hello", description="A note to the world")


def _update(command: Command[Any]) -> State:
    return cast("State", command.update)
