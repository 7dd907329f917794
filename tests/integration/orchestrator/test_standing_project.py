"""Work on a project that stands: later versions, rollbacks, stopping, starting, removing."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from graph.orchestrator.work import Build, Deploy, Remove, Restart, Rollback, Start, Stop
from infrastructure.deploy import DeploymentFailed, PortTaken, ServiceState
from shared.ids import ProjectId
from shared.ledger import approvals, deployments
from shared.ledger.runs import Status
from tests.integration.orchestrator.bench import OPERATOR, Bench, push
from tests.integration.orchestrator.blueprint import FAILING
from tests.integration.orchestrator.loopback import LoopbackDeployer


async def test_a_pushed_commit_is_tested_released_and_deployed(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    commit = await push(project, "note.txt", "Another note\n")
    run = await bench.work(Deploy(project_id=project.id))
    question = (await bench.asks(run)).question
    assert question["title"] == "Deploy release 2 of hello?"
    assert (dict(question["facts"])["Commit"], dict(question["facts"])["Replaces"]) == (
        commit[:12],
        "release 1",
    )

    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    assert run.result is not None
    assert (run.result["release"], run.result["commit"]) == (2, commit)
    assert deployer.services["hello"].commit == commit
    assert await bench.steps(run) == [
        "intake", "checkout", "test", "publish", "configure", "approve_release", "deploy", "verify", "report",
    ]  # fmt: skip


async def test_nothing_new_to_deploy_is_said_and_not_asked(bench: Bench, deployer: LoopbackDeployer) -> None:
    project = await bench.live_project()
    run = await bench.work(Deploy(project_id=project.id))
    assert run.status is Status.SUCCEEDED
    assert run.result is not None
    assert run.result["outcome"] == "nothing_new"
    assert run.result["summary"] == "Nothing new to deploy: release 1 of hello is live already."
    assert len(deployer.deployed) == 1


async def test_a_commit_whose_tests_fail_makes_no_release(bench: Bench, deployer: LoopbackDeployer) -> None:
    project = await bench.live_project()
    await push(project, "checks.py", FAILING)
    run = await bench.work(Deploy(project_id=project.id))
    assert (run.status, run.reason_code) == (Status.FAILED, "tests_failed")
    assert [release.number for release in await bench.releases(project)] == [1]
    assert len(deployer.deployed) == 1


async def test_a_broken_contract_is_explained_by_its_fields(bench: Bench) -> None:
    project = await bench.live_project()
    await push(project, "deploy.yaml", "version: 7\nprocesses: {}\n")
    run = await bench.work(Deploy(project_id=project.id))
    assert (run.status, run.reason_code) == (Status.FAILED, "bad_contract")
    assert run.reason is not None
    assert "version:" in run.reason
    assert "processes:" in run.reason


async def test_the_old_release_serves_on_when_the_new_one_fails(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    before = deployer.services["hello"].commit
    await push(project, "note.txt", "Another note\n")
    run = await bench.work(Deploy(project_id=project.id))
    deployer.failures.append(DeploymentFailed("It did not come up.", logs="Traceback"))
    run = await bench.answer(run, "approve")
    assert "Release 1 keeps serving." in (await bench.asks(run)).question["text"]
    run = await bench.answer(run, "leave")
    assert run.reason == "It did not come up. Release 1 keeps serving."
    assert deployer.services["hello"].commit == before
    async with bench.database.connection() as connection:
        running = await deployments.running_release(connection, project.id)
    assert running is not None
    assert running.number == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (ServiceState.FAILED, "Release 1 does not serve now either."),
        (ServiceState.STOPPED, "hello stays stopped."),
    ],
)
async def test_a_failed_deployment_says_what_is_true_of_the_old_release(
    bench: Bench, deployer: LoopbackDeployer, state: ServiceState, told: str
) -> None:
    project = await bench.live_project()
    await push(project, "note.txt", "Another note\n")
    run = await bench.work(Deploy(project_id=project.id))
    deployer.failures.append(PortTaken("port 8100 is taken by another program"))
    deployer.services["hello"].state = state
    run = await bench.answer(run, "approve")
    text = (await bench.asks(run)).question["text"]
    assert told in text
    assert "keeps serving" not in text

    run = await bench.answer(run, "leave")
    assert run.reason == f"port 8100 is taken by another program. {told}"


async def test_a_release_that_does_not_serve_is_deployed_anew(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    deployer.services["hello"].state = ServiceState.FAILED
    run = await bench.work(Deploy(project_id=project.id))
    assert (await bench.asks(run)).question["title"] == "Deploy release 1 of hello?"
    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    assert deployer.services["hello"].state is ServiceState.RUNNING


async def test_an_approval_does_not_hold_when_another_release_went_live_meanwhile(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    await push(project, "note.txt", "Second\n")
    second = await bench.work(Deploy(project_id=project.id))
    await push(project, "note.txt", "Third\n")
    third = await bench.work(Deploy(project_id=project.id))
    await bench.decide(second, "approve")
    third = await bench.answer(third, "approve")
    assert third.status is Status.SUCCEEDED, third.reason

    await bench.go(second)
    assert "Replaces: release 1 → release 3" in await bench.notes(second)
    assert deployer.services["hello"].commit == third.result["commit"]  # type: ignore[index]
    second = await bench.answer(second, "approve")
    assert second.status is Status.SUCCEEDED, second.reason


async def test_a_rollback_puts_the_release_before_live_again(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await _with_two_releases(bench)
    run = await bench.work(Rollback(project_id=project))
    question = (await bench.asks(run)).question
    assert (question["kind"], question["title"]) == ("rollback", "Roll back hello to release 1?")
    assert dict(question["facts"])["Replaces"] == "release 2"
    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    assert deployer.deployed[0] == deployer.deployed[2] == deployer.services["hello"].commit

    again = await bench.work(Rollback(project_id=project))
    assert (again.status, again.reason_code) == (Status.FAILED, "nothing_to_roll_back_to")


async def test_what_was_rolled_back_itself_is_not_gone_back_to(bench: Bench) -> None:
    project = await _with_two_releases(bench)
    await bench.answer(await bench.work(Rollback(project_id=project)), "approve")
    await push(await bench.project("hello"), "note.txt", "Third\n")
    third = await bench.answer(await bench.work(Deploy(project_id=project)), "approve")
    assert third.status is Status.SUCCEEDED, third.reason

    run = await bench.work(Rollback(project_id=project))

    assert (await bench.asks(run)).question["title"] == "Roll back hello to release 1?"


async def test_a_release_can_be_named(bench: Bench, deployer: LoopbackDeployer) -> None:
    project = await _with_two_releases(bench)
    back = await bench.answer(await bench.work(Rollback(project_id=project, release=1)), "approve")
    assert back.status is Status.SUCCEEDED, back.reason
    forth = await bench.answer(await bench.work(Deploy(project_id=project, release=2)), "approve")
    assert forth.status is Status.SUCCEEDED, forth.reason
    assert deployer.deployed[1] == deployer.deployed[3]
    unknown = await bench.work(Deploy(project_id=project, release=7))
    assert (unknown.status, unknown.reason) == (Status.FAILED, "hello has no release 7.")


async def test_a_service_is_stopped_and_started_by_policy_without_a_question(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    run = await bench.work(Stop(project_id=project.id), by=OPERATOR)
    assert (run.status, run.result) == (
        Status.SUCCEEDED,
        {
            "outcome": "stopped",
            "project": "hello",
            "summary": "hello is stopped; its releases and data stay.",
        },
    )
    assert deployer.services["hello"].state == "stopped"
    assert (await bench.project("hello")).service == "stopped"

    run = await bench.work(Start(project_id=project.id), by=OPERATOR)
    assert run.status is Status.SUCCEEDED, run.reason
    assert deployer.services["hello"].state == "running"
    assert (await bench.project("hello")).service == "running"


async def test_a_service_is_restarted_whether_it_runs_or_not(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    for state in (ServiceState.RUNNING, ServiceState.FAILED, ServiceState.STOPPED):
        deployer.services["hello"].state = state
        deployer.asked.clear()
        run = await bench.work(Restart(project_id=project.id), by=OPERATOR)
        assert (run.status, deployer.asked) == (Status.SUCCEEDED, ["stop", "start"]), run.reason
        assert run.result is not None
        assert run.result["summary"] == "hello is started anew."
        assert deployer.services["hello"].state is ServiceState.RUNNING
    assert (await bench.project("hello")).service == "running"


async def test_stopping_on_a_production_server_asks_first(bench: Bench, deployer: LoopbackDeployer) -> None:
    project = await bench.live_project()
    async with bench.database.connection() as connection:
        await connection.execute("UPDATE projects SET server = 'berlin'")
    run = await bench.work(Stop(project_id=project.id))
    assert (await bench.asks(run)).question["title"] == "Stop hello?"
    run = await bench.answer(run, "decline")
    assert run.result is not None
    assert run.result["outcome"] == "kept"
    assert deployer.services["hello"].state == "running"


async def test_removing_is_asked_of_the_owner_and_takes_everything_but_the_history(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    project = await bench.live_project()
    await bench.tools.secrets.set("hello", "API_KEY", SecretStr("made-up"))
    run = await bench.work(Remove(project_id=project.id), by=OPERATOR)
    question = await bench.asks(run)
    assert (question.question["title"], question.allowed_roles) == ("Remove hello?", ["owner"])
    with pytest.raises(approvals.MayNotDecide):
        await bench.decide(run, "approve", by=OPERATOR)

    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    assert deployer.services == {}
    assert await bench.projects() == []
    assert await bench.tools.secrets.names("hello") == []
    assert [release.number for release in await bench.releases(project)] == [1]

    again = await bench.live_project()
    assert again.id != project.id


async def test_a_project_that_was_never_deployed_can_be_removed(bench: Bench) -> None:
    run = await bench.work(Build(blueprint="note", name="hello"))
    await bench.answer(run, "approve")
    project = await bench.project("hello")
    removal = await bench.answer(await bench.work(Remove(project_id=project.id)), "approve")
    assert removal.status is Status.SUCCEEDED, removal.reason
    assert await bench.projects() == []


@pytest.mark.parametrize("kind", [Stop, Start, Restart, Rollback])
async def test_what_is_not_deployed_cannot_be_stopped_started_or_rolled_back(
    bench: Bench, kind: type[Stop | Start | Restart | Rollback]
) -> None:
    project = await bench.bare_project("hello")
    run = await bench.work(kind(project_id=project.id))
    assert (run.status, run.reason) == (Status.FAILED, "hello is not deployed.")


async def test_a_project_without_a_repository_cannot_be_deployed(bench: Bench) -> None:
    project = await bench.bare_project("hello", repository=False)
    run = await bench.work(Deploy(project_id=project.id))
    assert (run.status, run.reason_code) == (Status.FAILED, "nothing_published")
    assert run.advice is not None
    assert "/new" in run.advice


async def _with_two_releases(bench: Bench) -> ProjectId:
    project = await bench.live_project()
    await push(project, "note.txt", "Second\n")
    run = await bench.answer(await bench.work(Deploy(project_id=project.id)), "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    return project.id
