"""Every command, where it succeeds and where it cannot."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from graph.conversation import COMMANDS, Conversation, Services
from graph.conversation.replies import CommandChoice, File, Link, Table
from infrastructure.blueprints import catalogue
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from shared.ledger import deployments, projects, releases
from shared.ledger.claims import Ending
from shared.ledger.projects import Project
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role
from tests.integration.conversation.chat import Chat, Person, Server, plan_question

pytestmark = pytest.mark.timeout(60)


async def release(chat: Chat, project: Project, run: Run, commit: str, *, live: bool = True) -> int:
    async with chat.database.transaction() as tx:
        made = await releases.record(
            tx, project_id=project.id, commit_sha=commit * 20, digest="d", contract={}, tests="5 passed", run_id=run.id
        )  # fmt: skip
        if live:
            deployment = await deployments.start(
                tx, project_id=project.id, release_id=made.id, run_id=run.id, attempt=made.number, server="local"
            )  # fmt: skip
            await deployments.succeed(tx, deployment.id, url="http://127.0.0.1:9/")
            await projects.set_service(tx, project.id, "running")
    return made.number


async def test_new_starts_a_build_with_its_job_and_its_audit_entry(chat: Chat, owner: Person) -> None:
    reply = await owner.say("/new web-service hello Says hello  to everybody")

    run = await chat.newest_run(owner)
    assert run.input == {
        "kind": "build",
        "blueprint": "web-service",
        "name": "hello",
        "description": "Says hello  to everybody",
    }
    assert reply.plain == f"Run {run.number} is queued: Build hello."
    assert reply.run_number == run.number
    assert await chat.count("procrastinate_jobs") == 1
    assert await chat.count("audit WHERE action = 'run.requested'") == 1


async def test_new_without_words_lists_the_blueprints(chat: Chat, owner: Person) -> None:
    reply = await owner.say("/new")

    [table] = [block for block in reply.blocks if isinstance(block, Table)]
    assert {row[0] for row in table.rows} >= {"web-service", "telegram-bot", "static-site", "scheduled-job"}
    assert await chat.runs(owner) == []


@pytest.mark.parametrize("name", ["", "../../etc", "<b>x</b>", "🙂", "مرحبا"])
async def test_new_leaves_a_name_that_cannot_be_to_the_run_which_asks(
    chat: Chat, owner: Person, name: str
) -> None:
    await owner.say(f"/new web-service {name}")

    assert (await chat.newest_run(owner)).input["name"] == name


@pytest.mark.parametrize(
    ("text", "kind", "title"),
    [
        ("/deploy hello", "deploy", "Deploy hello"),
        ("/stop hello", "stop", "Stop hello"),
        ("/start HELLO", "start", "Start hello"),
        ("/restart hello", "restart", "Restart hello"),
        ("/remove hello", "remove", "Remove hello"),
    ],
)
async def test_a_command_on_a_project_starts_a_run_on_it(
    chat: Chat, owner: Person, text: str, kind: str, title: str
) -> None:
    project = await chat.project("hello", owner)

    await owner.say(text)

    run = await chat.newest_run(owner)
    assert (run.input["kind"], run.title, run.project_id) == (kind, title, project.id)


async def test_an_unknown_project_is_answered_with_those_there_are(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    await chat.project("shop", owner)

    reply = await owner.say("/deploy helo")

    assert reply.error == "no_such_project"
    assert "hello and shop" in reply.plain
    assert await chat.runs(owner) == []


async def test_without_a_name_the_only_project_is_taken_and_named(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)

    assert "This is about hello." in (await owner.say("/deploy")).plain


async def test_without_a_name_the_project_of_the_newest_run_is_taken(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    await chat.project("shop", owner)
    assert (await owner.say("/stop")).error == "which_project"

    await owner.say("/stop shop")

    assert "This is about shop." in (await owner.say("/start")).plain


async def test_a_second_run_on_a_project_says_behind_which_it_stands(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    await owner.say("/deploy hello")
    first = await chat.newest_run(owner)
    await chat.claim(first)

    reply = await owner.say("/stop hello")

    assert f"It stands behind run {first.number} (Deploy hello)" in reply.plain


async def test_deploy_and_rollback_take_a_release_that_there_is(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    await owner.say("/deploy hello")
    run = await chat.newest_run(owner)
    assert (await owner.say("/rollback hello")).error == "nothing_to_roll_back_to"
    await release(chat, project, run, "a")
    await release(chat, project, run, "b")

    await owner.say("/deploy hello 1")
    assert (await chat.newest_run(owner)).input["release"] == 1
    await owner.say("/rollback")
    assert (await chat.newest_run(owner)).input == {
        "kind": "rollback", "project_id": str(project.id), "release": None
    }  # fmt: skip
    assert (await owner.say("/deploy hello 7")).error == "no_such_release"
    assert (await owner.say("/rollback hello seven")).error == "not_a_number"
    assert (await owner.say("/rollback hello 99999999999999")).error == "not_a_number"
    assert (await owner.say("/deploy hello 1 2")).error == "too_many_words"
    assert (await owner.say("/stop hello now")).error == "too_many_words"


async def test_releases_says_which_is_live(chat: Chat, owner: Person) -> None:
    project = await chat.project("hello", owner)
    assert "has no release yet" in (await owner.say("/releases hello")).plain
    await owner.say("/deploy hello")
    run = await chat.newest_run(owner)
    await release(chat, project, run, "a")
    await release(chat, project, run, "b", live=False)

    [table] = [one for one in (await owner.say("/releases")).blocks if isinstance(one, Table)]

    assert [(row[0], row[-1]) for row in table.rows] == [("2", ""), ("1", "live")]


async def test_projects_are_listed_with_what_they_run(chat: Chat, owner: Person) -> None:
    assert "There is no project yet." in (await owner.say("/projects")).plain
    project = await chat.project("hello", owner)
    await owner.say("/deploy hello")
    run = await chat.newest_run(owner)
    await release(chat, project, run, "a")

    [table] = [one for one in (await owner.say("/projects")).blocks if isinstance(one, Table)]

    assert table.rows == [["hello", "web-service", "running", "1", f"run {run.number} (queued)"]]


async def test_status_says_what_a_run_is_doing(chat: Chat, owner: Person) -> None:
    assert "Nothing is being worked on here." in (await owner.say("/status")).plain
    await chat.project("hello", owner)
    await owner.say("/deploy hello")
    run = await chat.newest_run(owner)
    assert "it is queued" in (await owner.say("/status")).plain
    claim = await chat.claim(run)
    await chat.emit(claim, "step.started", {"step": "test"})
    await chat.emit(claim, "output.written", {"step": "test", "lines": ["first", "collected 5 items"]})

    reply = await owner.say("/status")

    assert f"Run {run.number}, Deploy hello: it is working on “Test”, for " in reply.plain
    assert "collected 5 items" in reply.plain


async def test_status_says_behind_which_run_another_waits(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    await owner.say("/deploy hello")
    first = await chat.newest_run(owner)
    await chat.claim(first)
    await owner.say("/stop hello")
    second = await chat.newest_run(owner)
    assert await chat.try_claim(second) is None

    reply = await owner.say("/status hello")

    assert (
        f"Run {second.number}, Stop hello: it waits behind run {first.number} (Deploy hello)" in reply.plain
    )


async def test_status_says_what_waits_for_whom(chat: Chat, owner: Person) -> None:
    await owner.say("/new web-service hello")
    await chat.ask(await chat.newest_run(owner), plan_question())

    assert (
        "it waits for an answer: Build hello? (for owner or operator, since"
        in (await owner.say("/status")).plain
    )


async def test_status_of_a_project_says_what_its_server_says(
    chat: Chat, owner: Person, server: Server
) -> None:
    project = await chat.project("hello", owner)
    await owner.say("/deploy hello")
    run = await chat.newest_run(owner)
    await release(chat, project, run, "a")
    await chat.finish(run, Ending(Status.FAILED, "tests_failed", "The tests failed.", "Correct them."))
    server.state["hello"] = ServiceStatus(
        state=ServiceState.RUNNING, url="http://127.0.0.1:9/hello", since=datetime.now(UTC)
    )

    reply = await owner.say("/status hello")

    assert "seen: running" in reply.plain
    assert Link(url="http://127.0.0.1:9/hello") in reply.blocks
    assert "it failed after" in reply.plain
    assert "The tests failed. Correct them." in reply.plain


async def test_status_of_a_project_leads_to_its_dashboard_behind_its_service(
    chat: Chat, owner: Person, server: Server
) -> None:
    project = await chat.project("hello", owner)
    await owner.say("/deploy hello")
    await release(chat, project, await chat.newest_run(owner), "a")
    services = Services(catalogue=catalogue, reader=server, dashboard="https://grafana.example.com/d/abc#top")
    owner.conversation = Conversation(chat.database, chat.live, services)

    reply = await owner.say("/status hello")

    assert [block for block in reply.blocks if isinstance(block, Link)] == [
        Link(url="http://127.0.0.1:9/"),
        Link(url="https://grafana.example.com/d/abc?var-project=hello#top", label="Dashboard"),
    ]


async def test_logs_are_shown_and_long_ones_come_as_a_file(chat: Chat, owner: Person, server: Server) -> None:
    await chat.project("hello", owner)
    assert (await owner.say("/logs hello")).error == "not_deployed"
    server.log["hello"] = "one\ntwo\nthr\x00ee"
    assert "two\nthr\ufffdee" in (await owner.say("/logs 2")).plain
    assert "one" not in (await owner.say("/logs hello 2")).plain

    server.log["hello"] = "x" * 100_000
    [file] = [one for one in (await owner.say("/logs hello")).blocks if isinstance(one, File)]
    assert (file.name, len(file.content)) == ("hello.log", 100_000)
    assert (await owner.say("/logs hello many")).error == "not_a_number"


async def test_cancel_takes_the_only_run_or_asks_which(chat: Chat, owner: Person) -> None:
    assert "nothing to cancel" in (await owner.say("/cancel")).plain
    await owner.say("/new web-service one")
    await owner.say("/new web-service two")
    second, first = await chat.runs(owner)

    asked = await owner.say("/cancel")
    assert [choice.command for choice in asked.choices if isinstance(choice, CommandChoice)] == [
        f"/cancel {second.number}",
        f"/cancel {first.number}",
    ]
    assert (await owner.say(f"/cancel {first.number}")).plain == "Done."
    assert "is over: it was cancelled" in (await owner.say(f"/cancel {first.number}")).plain
    await chat.claim(second)
    assert "is told to stop" in (await owner.say("cancel")).plain
    assert (await owner.say("/cancel 999999")).error == "no_such_run"
    assert await chat.count("audit WHERE action = 'run.cancel_requested'") == 2


async def test_runs_lists_the_newest_first(chat: Chat, owner: Person) -> None:
    assert "Nothing has been started" in (await owner.say("/runs")).plain
    await owner.say("/new web-service one")
    await owner.say("/new web-service two")

    [table] = [one for one in (await owner.say("/runs")).blocks if isinstance(one, Table)]

    assert [row[1] for row in table.rows] == ["Build two", "Build one"]


async def test_whoami_says_the_role(owner: Person) -> None:
    assert "role: owner" in (await owner.say("/whoami")).plain


async def test_help_lists_every_command_and_explains_each(owner: Person) -> None:
    overview = (await owner.say("/help")).plain
    for command in COMMANDS:
        assert f"{command.usage}: {command.summary}" in overview
        assert command.summary in (await owner.say(f"/help {command.name}")).plain
    assert (await owner.say("/help frobnicate")).error == "unknown_command"


async def test_an_unknown_command_is_answered_with_the_nearest(owner: Person) -> None:
    reply = await owner.say("/deplyo hello")

    assert reply.error == "unknown_command"
    assert "Did you mean /deploy" in reply.plain


async def test_telegrams_name_behind_a_command_is_understood(owner: Person) -> None:
    assert "role: owner" in (await owner.say("/whoami@telewright_bot")).plain


async def test_a_viewer_only_looks(chat: Chat, owner: Person) -> None:
    await chat.project("hello", owner)
    await owner.say("/deploy hello")
    viewer = await chat.person(Role.VIEWER)
    looks = {command.name for command in COMMANDS if command.role is Role.VIEWER}

    for command in COMMANDS:
        reply = await viewer.say(f"/{command.name}")
        assert (reply.error == "viewers_only_look") == (command.name not in looks), command.name
    assert (await viewer.say("Create a web service called x")).error == "viewers_only_look"
    assert len(await chat.runs(owner)) == 1
    assert "/deploy" not in (await viewer.say("/help")).plain


async def test_the_stored_role_counts_and_not_the_one_a_front_remembers(chat: Chat) -> None:
    viewer = await chat.person(Role.VIEWER)
    async with chat.database.connection() as connection:
        await connection.execute("UPDATE users SET role = 'operator'")

    assert (await viewer.say("/new web-service hello")).error is None


async def test_a_project_whose_build_came_to_nothing_says_so_and_can_be_removed(
    chat: Chat, owner: Person
) -> None:
    await owner.say("/new web-service hello")
    run = await chat.newest_run(owner)
    project = await chat.project("hello", owner)
    async with chat.database.transaction() as tx:
        await tx.execute("UPDATE runs SET project_id = %s WHERE id = %s", [project.id, run.id])
    assert "being built" in (await owner.say("/projects")).plain

    await chat.finish(run, Ending(Status.FAILED, "tests_failed", "Two tests failed.", "Correct them."))

    assert "not built" in (await owner.say("/projects")).plain
    assert "wanted: not built" in (await owner.say("/status hello")).plain
    assert "is queued: Remove hello." in (await owner.say("/remove hello")).plain
