"""With GitHub configured, work is proposed, checked and merged there before it is released."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graph.orchestrator.tools import CheckWait, Tools, hosting_of
from graph.orchestrator.work import Build, Deploy, Remove
from scheduler.clearing import Cleared, clear_what_is_over
from shared.database import Database
from shared.ledger.runs import Run, Status
from shared.live import Live
from shared.locks import HeldLock
from tests.fakes.github import FakeGitHub, Project
from tests.integration.orchestrator.bench import Bench
from tests.integration.orchestrator.blueprint import WORKFLOW, note
from tests.integration.orchestrator.loopback import LoopbackDeployer

HELLO = Build(blueprint="checked", name="hello", description="A note to the world")
BRANCH = "telewright/run-1"


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_a_build_is_proposed_merged_and_released_from_its_merge(
    bench: Bench, github: FakeGitHub, deployer: LoopbackDeployer
) -> None:
    github.always_check("test")
    run = await bench.work(HELLO)
    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["title"] == "Push the workflows of hello?"
    assert github.repositories == [], "nothing is made before its workflows are approved"

    run = await bench.answer(run, "approve")
    question = (await bench.asks(run)).question
    hello = github.repository("hello")
    [pull] = hello.pulls
    assert (pull.head, pull.base, pull.state) == (BRANCH, "main", "open")
    assert (question["kind"], question["title"]) == ("merge", "Merge pull request 1 of hello?")
    facts = dict(question["facts"])
    assert facts["Head"] == f"{BRANCH} at {pull.head_sha[:12]}"
    assert facts["Base"] == f"main at {hello.head('main')[:12]}"
    assert (facts["Checks"], facts["Tests"]) == ("test: green", "1 passed")
    assert facts["Commit message"] == "Create hello from the blueprint checked (#1)"
    assert hello.files("main") == {}
    assert "note.txt" in hello.files(BRANCH)

    run = await bench.answer(run, "approve")
    run = await bench.answer(run, "approve")
    assert run.status is Status.SUCCEEDED, run.reason
    [merged] = hello.pulls
    assert (merged.state, merged.merge_sha) == ("merged", hello.head("main"))
    assert deployer.deployed == [merged.merge_sha]
    [release] = await bench.releases(await bench.project("hello"))
    assert release.commit_sha == merged.merge_sha
    assert run.result is not None
    assert run.result["repository"] == f"{github.url}/ann/hello"
    assert run.result["pull_request"].endswith("/ann/hello/pull/1")
    assert await bench.steps(run) == [
        "intake", "plan", "approve_plan", "scaffold", "approve_workflows", "save_work", "test", "propose",
        "checks", "approve_merge", "merge", "publish", "protect", "configure", "approve_release", "deploy",
        "verify", "announce", "report",
    ]  # fmt: skip
    assert [effect.kind for effect in await bench.effects(run)] == [
        "repository", "work", "commit", "pull_request", "merge", "comment", "release", "protection", "deployment",
        "github_release", "comment", "proposal",
    ]  # fmt: skip
    assert [name for name in hello.refs() if "telewright" in name] == []


async def test_the_project_knows_its_repository_by_its_number(bench: Bench, github: FakeGitHub) -> None:
    await _asked_to_merge(bench, github)
    hello, project = github.repository("hello"), await bench.project("hello")
    assert project.repository == {"name": "hello", "url": hello.clone_url, "id": hello.id}
    assert hello.about["description"] == "A note to the world"

    hello.rename("greeting")
    hello.push({"note.txt": "By hand\n", **_files(hello)}, "main")
    run = await bench.work(Deploy(project_id=project.id))
    assert (await bench.asks(run)).question["title"] == "Deploy release 1 of hello?"
    removal = await bench.answer(await bench.work(Remove(project_id=project.id)), "approve")
    assert removal.status is Status.SUCCEEDED, removal.reason
    assert hello.about["archived"]


async def test_the_pull_request_tells_the_plan_the_tests_and_the_approval(
    bench: Bench, github: FakeGitHub
) -> None:
    await _asked_to_merge(
        bench,
        github,
        HELLO.model_copy(update={"description": "@everyone ~~~ <b>hi</b>\n~~~~~\n# Not a title"}),
    )
    [pull] = github.repository("hello").pulls
    assert pull.title == "Create hello from the blueprint checked"
    assert pull.body is not None
    assert "Project: hello" in pull.body
    assert "In the sandbox, before anything was pushed: 1 passed" in pull.body
    assert "Olga approved the plan (" in pull.body
    assert "Olga approved the workflows (" in pull.body
    blocks = pull.body.split("### Plan\n\n")[1]
    fence, _, rest = blocks.partition("text\n")
    assert set(fence) == {"~"}
    assert "@everyone" in rest.split(f"\n{fence}")[0], "what people wrote stands in a block of code"


async def test_checks_are_waited_for_without_holding_anything(bench: Bench, github: FakeGitHub) -> None:
    run = await _proposed(bench)
    assert (run.status, run.pause) == (Status.WAITING, "It waits for the checks of pull request 1: test")
    hello = github.repository("hello")
    hello.check(hello.head(BRANCH), "test", "in_progress")
    hello.check(hello.head(BRANCH), "lint")
    run = await bench.after_pause(run)
    assert run.pause == "It waits for the checks of pull request 1: test"

    hello.check(hello.head(BRANCH), "test")
    run = await bench.after_pause(run)
    question = (await bench.asks(run)).question
    assert dict(question["facts"])["Checks"] == "lint: green, test: green"


async def test_a_status_stands_for_no_check_of_a_workflow(bench: Bench, github: FakeGitHub) -> None:
    run = await _proposed(bench)
    hello = github.repository("hello")
    hello.status(hello.head(BRANCH), "test", "success")
    run = await bench.after_pause(run)
    assert run.pause == "It waits for the checks of pull request 1: test"


async def test_another_app_stands_for_no_check_of_a_workflow(bench: Bench, github: FakeGitHub) -> None:
    run = await _proposed(bench)
    hello = github.repository("hello")
    hello.check(hello.head(BRANCH), "test", app=github.app(slug="another").id)
    run = await bench.after_pause(run)
    assert run.pause == "It waits for the checks of pull request 1: test"

    hello.check(hello.head(BRANCH), "test")
    run = await bench.after_pause(run)
    assert dict((await bench.asks(run)).question["facts"])["Checks"] == "test: green, test: green"


async def test_a_red_check_is_told_with_its_output_and_may_be_tried_again(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await _proposed(bench)
    hello = github.repository("hello")
    hello.check(hello.head(BRANCH), "test", "failure", "2 tests failed\n\x1b[31mtest_note\x1b[0m")
    run = await bench.after_pause(run)
    question = (await bench.asks(run)).question
    assert question["text"].startswith("Pull request 1 has a red check: test.")
    assert "[31mtest_note" in "\n".join(await bench.output(run, "checks"))

    hello.push({"note.txt": "Corrected\n"}, BRANCH)
    hello.check(hello.head(BRANCH), "test")
    run = await bench.answer(run, "again")
    facts = dict((await bench.asks(run)).question["facts"])
    assert facts["Head"] == f"{BRANCH} at {hello.head(BRANCH)[:12]}, pushed by hand"


async def test_what_was_proposed_is_proposed_again_though_its_branch_was_deleted(
    bench: Bench, github: FakeGitHub
) -> None:
    github.always_check("test", "failure")
    run = await _proposed(bench)
    hello = github.repository("hello")
    red = hello.head(BRANCH)
    hello.close(1, by="bob")
    hello.set_ref(f"refs/heads/{BRANCH}", None, by="bob")
    hello.check(red, "test")
    run = await bench.answer(run, "again")
    assert dict((await bench.asks(run)).question["facts"])["Pull request"].endswith("/pull/2"), run.reason
    assert hello.head(BRANCH) == red


async def test_a_red_check_that_is_left_ends_the_run_and_what_it_proposed_is_cleared_away_then(
    bench: Bench, github: FakeGitHub
) -> None:
    github.always_check("test", "failure")
    run = await _proposed(bench)
    run = await bench.answer(run, "leave")
    assert (run.status, run.reason_code) == (Status.FAILED, "proposal_left")
    assert "has a red check: test" in (run.reason or "")
    assert (run.reason or "").endswith("/ann/hello/pull/1 is closed, unless somebody has pushed to it.")

    assert await _cleared(bench) == Cleared(cleared=1)
    hello = github.repository("hello")
    assert (hello.pulls[0].state, set(hello.branches())) == ("closed", {"main"})
    assert "has a red check: test" in hello.comments(1)[-1]["body"]


async def test_checks_that_never_come_are_asked_about(bench: Bench, hosted: Tools) -> None:
    bench.tools = replace(hosted, check_wait=CheckWait(limit_s=0))
    run = await _proposed(bench)
    text = (await bench.asks(run)).question["text"]
    assert text.startswith("The checks of pull request 1 were not done within 0 min: test.")
    assert "whether Actions are on" in text


async def test_what_is_pushed_by_hand_is_checked_and_approved_anew(bench: Bench, github: FakeGitHub) -> None:
    run = await _asked_to_merge(bench, github)
    hello = github.repository("hello")
    hello.push({".github/workflows/mine.yml": "on: push\n"}, BRANCH, by="bob")
    run = await bench.answer(run, "approve")
    question = (await bench.asks(run)).question
    assert question["kind"] == "merge"
    assert dict(question["facts"])["Workflows pushed by hand"] == ".github/workflows/mine.yml"
    assert f"Somebody pushed {hello.head(BRANCH)[:12]}" in await bench.notes(run)

    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["kind"] == "deploy"
    # Not what was tested before it was pushed.
    assert (await bench.steps(run)).count("test") == 2
    [release] = await bench.releases(await bench.project("hello"))
    assert release.commit_sha == hello.head("main")


async def test_a_base_that_has_moved_is_approved_anew_and_what_comes_of_it_is_tested(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await _asked_to_merge(bench, github)
    hello = github.repository("hello")
    hello.push({"LICENSE": "Free\n"}, "main", by="bob")
    run = await bench.answer(run, "approve")
    facts = dict((await bench.asks(run)).question["facts"])
    assert facts["Base"] == f"main at {hello.head('main')[:12]}"
    assert "What was approved has changed in the meantime (Base: main at" in await bench.notes(run)

    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["kind"] == "deploy"
    assert (await bench.steps(run)).count("test") == 2
    assert {"LICENSE", "note.txt"} <= hello.files("main").keys()


async def test_a_pull_request_that_is_closed_by_hand_ends_the_work(bench: Bench, github: FakeGitHub) -> None:
    run = await _proposed(bench)
    github.repository("hello").close(1, by="bob")
    run = await bench.after_pause(run)
    assert run.status is Status.SUCCEEDED, run.reason
    assert run.result is not None
    assert run.result["outcome"] == "not_merged"
    assert run.result["pull_request"].endswith("/pull/1")
    assert "Pull request 1 was closed on GitHub." in await bench.notes(run)
    assert await bench.releases(await bench.project("hello")) == []


async def test_a_pull_request_that_is_merged_by_hand_is_tested_and_released(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await _asked_to_merge(bench, github)
    hello = github.repository("hello")
    merged = hello.merge_pull(1, by="ann", method="squash")
    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["kind"] == "deploy"
    assert (await bench.steps(run)).count("test") == 2
    [release] = await bench.releases(await bench.project("hello"))
    assert release.commit_sha == merged


async def test_a_merge_that_is_declined_closes_the_pull_request_and_says_why(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.answer(await _asked_to_merge(bench, github), "decline")
    assert run.result is not None
    assert run.result["outcome"] == "not_merged"
    assert run.result["summary"] == "The pull request of hello was not merged, and nothing was deployed."
    hello = github.repository("hello")
    assert (hello.pulls[0].state, set(hello.branches())) == ("closed", {"main"})
    assert "since run 1 has ended without merging it" in hello.comments(1)[-1]["body"]
    assert not [name for name in hello.refs() if "telewright" in name]
    assert await _cleared(bench) == Cleared(), "there is nothing left to do"


async def test_a_declined_merge_leaves_what_a_person_has_pushed(bench: Bench, github: FakeGitHub) -> None:
    run = await _asked_to_merge(bench, github)
    hello = github.repository("hello")
    theirs = hello.push({"note.txt": "By hand\n"}, BRANCH, by="bob")
    # What was pushed is told first, and asked about.
    run = await bench.answer(run, "decline")
    run = await bench.answer(run, "decline")

    assert run.status is Status.SUCCEEDED, run.reason
    assert (hello.pulls[0].state, hello.head(BRANCH)) == ("open", theirs)
    assert f"The branch {BRANCH} is left as it is, since somebody has pushed to it." in await bench.notes(run)
    assert not [name for name in hello.refs() if "telewright/wip" in name]


async def test_trouble_with_clearing_away_keeps_nobody_waiting_and_loses_nothing(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await _asked_to_merge(bench, github)
    trouble = github.fail("GET */pulls", times=None, status=403, message="Resource not accessible")
    run = await bench.answer(run, "decline")
    assert run.status is Status.SUCCEEDED, run.reason
    hello = github.repository("hello")
    assert hello.pulls[0].state == "open"

    trouble.cancel()
    assert await _cleared(bench) == Cleared(cleared=1)
    assert (hello.pulls[0].state, set(hello.branches())) == ("closed", {"main"})


async def test_a_merge_that_github_refuses_is_asked_about(bench: Bench, github: FakeGitHub) -> None:
    run = await _asked_to_merge(bench, github)
    hello = github.repository("hello")
    hello.protect("main", approvals=1)
    run = await bench.answer(run, "approve")
    assert "GitHub does not merge pull request 1" in (await bench.asks(run)).question["text"]

    hello.add_collaborator("bob")
    hello.review(1, "bob")
    run = await bench.answer(run, "again")
    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["kind"] == "deploy"


async def test_a_branch_of_the_name_that_is_not_ours_is_asked_about(bench: Bench, github: FakeGitHub) -> None:
    github.always_check("test")
    run = await bench.work(HELLO)
    run = await bench.answer(run, "approve")
    await bench.decide(run, "approve")
    # A repository that was made for the project, but in which somebody has begun already.
    hello = github.create("hello", description=f"[telewright {(await bench.project('hello')).id}]")
    theirs = hello.push({"theirs.txt": "Mine\n"}, BRANCH, by="bob")
    await bench.go(run)
    text = (await bench.asks(run)).question["text"]
    assert text.startswith(f"{BRANCH} of hello stands at {theirs[:12]}")
    assert hello.head(BRANCH) == theirs

    hello.set_ref(f"refs/heads/{BRANCH}", None)
    run = await bench.answer(run, "again")
    assert (await bench.asks(run)).question["kind"] == "merge"


async def test_a_repository_of_the_name_that_is_not_ours_is_left_alone(
    bench: Bench, github: FakeGitHub
) -> None:
    theirs = github.create("hello", {"README.md": "Mine\n"})
    run = await _proposed(bench)
    assert (run.status, run.reason_code) == (Status.FAILED, "name_taken")
    assert theirs.branches().keys() == {"main"}


async def test_workflows_that_are_not_approved_call_the_work_off(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.answer(await bench.work(HELLO), "approve")
    run = await bench.answer(run, "cancel")
    assert run.status is Status.CANCELLED
    assert github.repositories == []
    assert await bench.projects() == []


async def test_a_project_without_workflows_asks_for_none_and_waits_for_no_check(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.answer(await bench.work(HELLO.model_copy(update={"blueprint": "note"})), "approve")
    question = (await bench.asks(run)).question
    assert question["kind"] == "merge"
    assert dict(question["facts"])["Checks"] == "none"


async def test_a_lost_machine_loses_nothing_that_was_written(
    bench: Bench, github: FakeGitHub, tmp_path: Path
) -> None:
    run = await _proposed(bench)
    hello = github.repository("hello")
    saved = hello.files(f"refs/telewright/wip/{run.id}")
    assert saved == hello.files(BRANCH)
    # The machine is gone, and the next has another version of the blueprint.
    await bench.tools.workspaces.remove(str(run.id))
    root = tmp_path / "newer"
    bench.tools = replace(
        bench.tools, blueprints=(note(root, "checked", workflow=WORKFLOW, checks="print('2 passed')\n"),)
    )
    hello.check(hello.head(BRANCH), "test", "failure")
    run = await bench.after_pause(run)
    # Proposing reads the files once more.
    run = await bench.answer(run, "again")
    assert (await bench.asks(run)).question["text"].startswith("Pull request 1 has a red check")


async def test_failing_tests_publish_nothing_and_keep_no_name(
    bench: Bench, github: FakeGitHub, tmp_path: Path
) -> None:
    first = await bench.work(HELLO.model_copy(update={"blueprint": "broken"}))
    first = await bench.answer(first, "approve")
    assert first.reason_code == "tests_failed"
    hello = github.repository("hello")
    assert hello.branches() == {}

    github.always_check("test")
    run = await bench.answer(await bench.work(HELLO), "approve")
    run = await bench.answer(run, "approve")
    assert (await bench.asks(run)).question["kind"] == "merge"
    assert hello.about["archived"]
    assert github.repository("hello").id != hello.id


async def test_a_rate_limit_pauses_the_run_and_it_goes_on_then(bench: Bench, github: FakeGitHub) -> None:
    github.always_check("test")
    run = await bench.answer(await bench.work(HELLO), "approve")
    await bench.decide(run, "approve")
    github.limit(remaining=0, reset_in_s=1800)
    await bench.go(run)
    paused = await bench.run(run)
    assert paused.status is Status.WAITING
    assert (paused.pause or "").startswith("GitHub takes no more requests from us until ")
    [told] = await bench.told(run, "run.paused")
    assert told["expected"] is False

    github.limit(remaining=5000, reset_in_s=1800)
    run = await bench.after_pause(run)
    assert (await bench.asks(run)).question["kind"] == "merge"


async def test_a_project_of_this_machine_goes_on_as_it_was(
    bench: Bench, tools: Tools, hosted: Tools, github: FakeGitHub
) -> None:
    bench.tools = tools
    project = await bench.live_project()
    bench.tools = hosted
    run = await bench.work(Deploy(project_id=project.id))
    assert run.result is not None
    assert run.result["outcome"] == "nothing_new"
    removal = await bench.answer(await bench.work(Remove(project_id=project.id)), "approve")
    assert removal.status is Status.SUCCEEDED, removal.reason
    assert github.repositories == []


async def _cleared(bench: Bench) -> Cleared:
    """Let the scheduler clear away what was not."""
    async with bench.database.transaction() as tx:
        await tx.execute("INSERT INTO leases (name, token) VALUES ('clearing', 1)")
    forge, hosting = bench.tools.forge, hosting_of(bench.tools)
    return await clear_what_is_over(
        bench.database, bench.live, forge, hosting, HeldLock("clearing", 1), grace_s=0
    )


async def _proposed(bench: Bench, build: Build = HELLO) -> Run:
    """Have a build go as far as its pull request, and wait for its checks there."""
    run = await bench.answer(await bench.work(build), "approve")
    return await bench.answer(run, "approve")


async def _asked_to_merge(bench: Bench, github: FakeGitHub, build: Build = HELLO) -> Run:
    """Have a build go as far as the question whether to merge it."""
    github.always_check("test")
    run = await _proposed(bench, build)
    assert (await bench.asks(run)).question["kind"] == "merge", run.reason
    return run


def _files(hello: Project) -> dict[str, str]:
    return {name: text for name, text in hello.files(BRANCH).items() if name != "note.txt"}
