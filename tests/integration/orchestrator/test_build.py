"""A build: from what a person wrote to a service that answers, with every turn it may take."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from graph.orchestrator.tools import Tools
from graph.orchestrator.work import Build
from infrastructure.deploy import DeploymentFailed, PortTaken, ServerUnavailable
from infrastructure.forge import NoRepository, Repository
from shared.database import Database
from shared.ledger import approvals, events, projects
from shared.ledger.runs import Status
from shared.live import Live
from tests.integration.orchestrator.bench import OPERATOR, Bench
from tests.integration.orchestrator.loopback import LoopbackDeployer

NOTE = Build(blueprint="note", name="hello", description="A note to the world")


@pytest.fixture(autouse=True)
def _the_state_is_plain(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Checkpoints hold nothing that only this version's classes could read."""
    yield
    assert "unregistered type" not in caplog.text


async def test_a_build_ends_with_a_url_that_answers(bench: Bench) -> None:
    run = await bench.work(NOTE)
    plan = (await bench.asks(run)).question
    assert (plan["kind"], plan["title"]) == ("plan", "Build hello from note?")
    assert dict(plan["facts"])["Description"] == "A note to the world"
    assert [label for label, _ in plan["facts"]] == ["Project", "Blueprint", "Description", "Server"]

    run = await bench.answer(run, "approve")
    release = (await bench.asks(run)).question
    assert (release["kind"], release["title"]) == ("deploy", "Deploy release 1 of hello?")
    assert dict(release["facts"])["Tests"] == "1 passed"
    assert "Replaces" not in dict(release["facts"])

    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    project = await bench.project("hello")
    [made] = await bench.releases(project)
    assert run.result is not None
    assert run.result == {
        "outcome": "live",
        "project": "hello",
        "release": 1,
        "commit": made.commit_sha,
        "url": run.result["url"],
        "summary": "Release 1 of hello is live.",
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(run.result["url"])).is_success
    assert run.project_id == project.id
    assert (project.service, project.description) == ("running", "A note to the world")
    assert await bench.steps(run) == [
        "intake", "plan", "approve_plan", "scaffold", "test", "publish", "configure", "approve_release",
        "deploy", "verify", "report",
    ]  # fmt: skip
    effects = [(effect.key, effect.status) for effect in await bench.effects(run)]
    assert effects == [
        ("repository", "done"),
        ("commit", "done"),
        ("release", "done"),
        ("deployment:1", "done"),
    ]
    assert "note.txt" in await bench.output(run, "scaffold")
    assert await bench.output(run, "test") == ["1 passed"]
    assert "Tests: 1 passed." in await bench.notes(run)


async def test_a_result_leads_to_the_dashboard_that_was_set(
    database_url: str, redis_url: str, tools: Tools
) -> None:
    shown = replace(tools, dashboard="https://grafana.example.com/d/abc?orgId=1")
    async with Database(database_url) as database, Live(redis_url) as live:
        bench = Bench(database, live, shown)
        run = await bench.work(NOTE)
        await bench.answer(run, "approve")
        run = await bench.answer(run, "decline")

    assert run.result is not None
    assert run.result["dashboard"] == (
        f"https://grafana.example.com/d/abc?orgId=1&var-project=hello&var-run={run.number}"
    )


async def test_an_unknown_blueprint_is_asked_again_with_the_known_ones_as_choices(bench: Bench) -> None:
    run = await bench.work(NOTE.model_copy(update={"blueprint": "cathedral"}))
    question = (await bench.asks(run)).question
    assert "“cathedral”" in question["text"]
    assert [choice["key"] for choice in question["choices"]] == [
        "note",
        "broken",
        "greeting",
        "weather",
        "checked",
        "cancel",
    ]

    run = await bench.answer(run, text="still wrong")
    assert "“still wrong”" in (await bench.asks(run)).question["text"]
    run = await bench.answer(run, "note")
    assert (await bench.asks(run)).question["kind"] == "plan"


@pytest.mark.parametrize("name", ["../../etc", "Hello World", "<b>bold</b>", "🚀", "‮gnp", "a" * 9000, ""])
async def test_an_invalid_name_is_asked_again_until_it_is_right(bench: Bench, name: str) -> None:
    run = await bench.work(NOTE.model_copy(update={"name": name}))
    question = (await bench.asks(run)).question
    assert (question["title"], question["wants_text"]) == ("What shall the project be called?", True)
    assert len(question["text"]) < 400
    assert await bench.projects() == []

    run = await bench.answer(run, text="Wrong/Again")
    assert (await bench.asks(run)).question["choices"][0]["key"] == "wrong-again"
    run = await bench.answer(run, text=" hello ")
    assert (await bench.asks(run)).question["title"] == "Build hello from note?"


async def test_a_taken_name_is_asked_again_with_a_free_one_as_choice(bench: Bench) -> None:
    await bench.bare_project("hello")
    run = await bench.work(NOTE)
    question = (await bench.asks(run)).question
    assert question["text"] == "There is a project called hello already."
    assert question["choices"][0]["key"] == "hello-2"
    run = await bench.answer(run, "hello-2")
    assert (await bench.asks(run)).question["title"] == "Build hello-2 from note?"
    assert run.title == "Build hello-2"


async def test_a_name_whose_build_came_to_nothing_is_free(bench: Bench) -> None:
    failed = await bench.work(NOTE.model_copy(update={"blueprint": "broken"}))
    assert (await bench.answer(failed, "approve")).status is Status.FAILED
    run = await bench.work(NOTE)
    assert (await bench.asks(run)).question["title"] == "Build hello from note?"


async def test_a_name_whose_build_waits_for_an_approval_is_taken(bench: Bench) -> None:
    await bench.work(NOTE)
    second = await bench.work(NOTE)
    assert "already" in (await bench.asks(second)).question["text"]


async def test_a_person_can_call_it_off_at_the_first_question(bench: Bench) -> None:
    run = await bench.work(NOTE.model_copy(update={"name": "?"}))
    run = await bench.answer(run, "cancel")
    assert (run.status, run.reason_code, run.reason) == (Status.CANCELLED, "called_off", "Nothing was made.")
    assert await bench.told(run, events.STEP_FAILED) == []


async def test_a_person_can_call_off_the_plan_and_its_name_is_free(bench: Bench) -> None:
    run = await bench.answer(await bench.work(NOTE), "cancel")
    assert run.status is Status.CANCELLED
    assert await bench.projects() == []


async def test_a_comment_changes_name_blueprint_and_description(bench: Bench) -> None:
    run = await bench.work(NOTE)
    run = await bench.answer(run, "reject", "name: goodbye, use greeting\ndescription: Parting, as such")
    question = (await bench.asks(run)).question
    assert question["title"] == "Build goodbye from greeting?"
    assert dict(question["facts"])["Description"] == "Parting, as such"
    project = await bench.project("goodbye")
    assert (project.blueprint, project.description) == ("greeting", "Parting, as such")
    assert await bench.projects() == ["goodbye"]
    assert (await bench.run(run)).title == "Build goodbye"


@pytest.mark.parametrize(
    ("comment", "answer"),
    [
        ("make it purple and cheaper", "Without a model I can only change"),
        (None, "What should be different?"),
        ("name: ../etc", "cannot be a project's name"),
        ("name: other", "There is a project called other already."),
        ("use cathedral", "There is no such blueprint. There are: note, broken"),
    ],
)
async def test_a_comment_that_cannot_be_followed_is_answered_honestly(
    bench: Bench, comment: str | None, answer: str
) -> None:
    await bench.bare_project("other")
    run = await bench.work(NOTE)
    run = await bench.answer(run, "reject", comment)
    question = (await bench.asks(run)).question
    assert answer in question["text"]
    assert question["title"] == "Build hello from note?"
    assert await bench.projects() == ["hello", "other"]


async def test_failing_tests_publish_nothing_and_show_their_output(bench: Bench) -> None:
    run = await bench.work(NOTE.model_copy(update={"blueprint": "broken"}))
    run = await bench.answer(run, "approve")
    assert (run.status, run.reason_code) == (Status.FAILED, "tests_failed")
    assert run.reason == "The project's tests failed: 1 failed. Nothing was published."
    assert run.advice
    output = await bench.output(run, "test")
    assert output[-1] == "1 failed"
    assert "the note is" in output[0]
    assert not any("\x1b" in line for line in output)
    assert await bench.effects(run) == []
    assert (await bench.project("hello")).repository is None
    with pytest.raises(NoRepository):
        await bench.tools.forge.head(Repository("hello", ""), "main")


async def test_a_release_that_is_not_approved_stands_and_is_not_deployed(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.answer(await bench.work(NOTE), "approve")
    run = await bench.answer(run, "decline")
    assert run.status is Status.SUCCEEDED
    assert run.result is not None
    assert (run.result["outcome"], run.result["release"]) == ("not_deployed", 1)
    assert "decided against it" in run.result["summary"]
    assert deployer.services == {}
    assert (await bench.project("hello")).service == "none"


async def test_a_release_is_asked_again_when_the_playbook_changes_meanwhile(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.answer(await bench.work(NOTE), "approve")
    await bench.decide(run, "approve")
    deployer.playbook = "playbook-2"
    await bench.go(run)
    assert deployer.services == {}
    assert "Playbook: playbook-1 → playbook-2" in await bench.notes(run)
    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason


async def test_a_plan_is_asked_again_when_the_blueprint_changes_meanwhile(bench: Bench) -> None:
    run = await bench.work(NOTE)
    await bench.decide(run, "approve")
    template = bench.tools.blueprints[0].directory / "template"
    (template / "more.txt").write_text("More\n")
    await bench.go(run)
    assert "changed in the meantime (Blueprint: note (" in await bench.notes(run)
    run = await bench.answer(run, "approve")
    assert "more.txt" in await bench.output(run, "scaffold")


async def test_an_approval_only_counts_from_who_may_give_it(bench: Bench) -> None:
    run = await bench.work(NOTE, by=OPERATOR)
    run = await bench.answer(run, "approve", by=OPERATOR)
    assert (await bench.asks(run)).question["allowed_roles"] == ["owner", "operator"]


async def test_a_production_server_is_the_owners(bench: Bench) -> None:
    run = await bench.work(NOTE, by=OPERATOR)
    project = await bench.project("hello")
    async with bench.database.connection() as connection:
        await connection.execute("UPDATE projects SET server = 'berlin' WHERE id = %s", [project.id])
    await bench.decide(run, "approve")
    await bench.go(run)
    assert "Server: local → berlin" in await bench.notes(run)
    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["allowed_roles"] == ["owner"]
    with pytest.raises(approvals.MayNotDecide):
        await bench.decide(run, "approve", by=OPERATOR)


async def test_a_missing_variable_is_asked_for_and_reaches_the_service(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.work(NOTE.model_copy(update={"blueprint": "greeting"}))
    run = await bench.answer(run, "approve")
    question = (await bench.asks(run)).question
    assert question["title"] == "What shall GREETING be?"
    assert "What it says first" in question["text"]

    run = await bench.answer(run, text="two\nlines")
    assert "GREETING must be one line" in await bench.notes(run)
    run = await bench.answer(run, text="Good morning")
    facts = dict((await bench.asks(run)).question["facts"])
    assert facts["Environment"] == "COLOUR=blue, GREETING=Good morning"
    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    assert deployer.services["hello"].environment == {"COLOUR": "blue", "GREETING": "Good morning"}


async def test_a_release_is_asked_again_when_a_plain_value_changes_meanwhile(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.work(NOTE.model_copy(update={"blueprint": "greeting"}))
    run = await bench.answer(await bench.answer(run, "approve"), text="Good morning")
    await bench.decide(run, "approve")
    async with bench.database.transaction() as tx:
        await projects.set_variable(tx, (await bench.project("hello")).id, "GREETING", "Good night")
    await bench.go(run)
    assert deployer.services == {}
    assert "COLOUR=blue, GREETING=Good morning → COLOUR=blue, GREETING=Good night" in await bench.notes(run)

    run = await bench.answer(run, "approve")
    assert deployer.services["hello"].environment["GREETING"] == "Good night"


async def test_a_plain_value_is_shown_in_one_short_harmless_line(bench: Bench) -> None:
    token = f"sk-{secrets.token_hex(20)}"
    run = await bench.work(NOTE.model_copy(update={"blueprint": "greeting"}))
    run = await bench.answer(await bench.answer(run, "approve"), text=f"{token} {'long ' * 50}")
    shown = dict((await bench.asks(run)).question["facts"])["Environment"]
    assert shown.startswith("COLOUR=blue, GREETING=[redacted] long long")
    assert len(shown) < 150
    assert token[-8:] not in shown


async def test_a_missing_secret_is_set_in_a_terminal_and_never_in_the_chat(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.work(NOTE.model_copy(update={"blueprint": "weather"}))
    run = await bench.answer(run, "approve")
    question = (await bench.asks(run)).question
    assert "telewright secret set hello API_KEY" in question["text"]
    assert question["wants_text"] is False

    run = await bench.answer(run, "again")
    assert (await bench.asks(run)).question["title"] == "A secret is missing."
    value = "a-value-made-up-here"
    await bench.tools.secrets.set("hello", "API_KEY", SecretStr(value))
    run = await bench.answer(run, "again")
    assert dict((await bench.asks(run)).question["facts"])["Environment"] == "API_KEY (secret)"
    deployer.failures.append(DeploymentFailed(f"It said {value}", logs=f"key={value}\nbye"))
    run = await bench.answer(run, "approve")
    assert (await bench.output(run, "deploy"))[-1] == "bye"
    run = await bench.answer(run, "again")
    assert run.status is Status.SUCCEEDED, run.reason
    assert deployer.services["hello"].environment == {"API_KEY": value}
    await _nothing_holds(bench, value)


async def test_a_failed_deployment_shows_its_logs_and_can_be_tried_again(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.answer(await bench.work(NOTE), "approve")
    deployer.failures.append(PortTaken("Something else listens on 8100.", logs="bind:\x1b[1m in use\nbye"))
    run = await bench.answer(run, "approve")
    question = (await bench.asks(run)).question
    assert question["title"] == "The deployment of hello failed. Try again?"
    assert "Something else listens on 8100." in question["text"]
    assert "Stop the program that listens" in question["text"]
    assert await bench.output(run, "deploy") == ["bind:[1m in use", "bye"]

    run = await bench.answer(run, "again")
    assert run.status is Status.SUCCEEDED, run.reason
    made = await bench.deployments(await bench.project("hello"))
    assert [(one.attempt, one.status) for one in made] == [(2, "succeeded"), (1, "failed")]
    assert made[0].fence > made[1].fence


async def test_a_failed_deployment_can_be_left(bench: Bench, deployer: LoopbackDeployer) -> None:
    run = await bench.answer(await bench.work(NOTE), "approve")
    deployer.failures.append(DeploymentFailed("It did not come up."))
    run = await bench.answer(run, "approve")
    run = await bench.answer(run, "leave")
    assert (run.status, run.reason_code) == (Status.FAILED, "deployment_failed")
    assert run.reason == "It did not come up. Nothing was running before."


async def test_a_server_that_is_away_for_a_moment_is_tried_again_by_itself(
    bench: Bench, deployer: LoopbackDeployer
) -> None:
    run = await bench.answer(await bench.work(NOTE), "approve")
    deployer.failures.append(ServerUnavailable())
    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    [made] = await bench.deployments(await bench.project("hello"))
    assert made.attempt == 1


async def test_a_project_that_is_removed_while_its_release_waits_ends_the_run_with_a_reason(
    bench: Bench,
) -> None:
    run = await bench.answer(await bench.work(NOTE), "approve")
    async with bench.database.transaction() as tx:
        await projects.remove(tx, (await bench.project("hello")).id)
    run = await bench.answer(run, "approve")
    assert (run.status, run.reason) == (Status.FAILED, "hello was removed.")


async def test_what_is_not_work_ends_with_a_reason(bench: Bench) -> None:
    run = await bench.accept(NOTE)
    async with bench.database.connection() as connection:
        await connection.execute("""UPDATE runs SET input = '{"kind": "dance"}' WHERE id = %s""", [run.id])
    await bench.go(run)
    run = await bench.run(run)
    assert (run.status, run.reason_code) == (Status.FAILED, "bad_work")


async def _nothing_holds(bench: Bench, value: str) -> None:
    """Look through everything that the database keeps."""
    async with bench.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (table,) in await cursor.fetchall():
            found = await connection.execute(
                f'SELECT count(*) FROM "{table}" AS row WHERE strpos(row::text, %s) > 0', [value]
            )
            assert await found.fetchone() == (0,), table
