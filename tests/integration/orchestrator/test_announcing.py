"""What became of a pull request, and what is live, is said on GitHub once; what keeps from it fails nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from graph.orchestrator.announce import announce
from graph.orchestrator.merge import merge
from graph.orchestrator.publish import publish
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools
from graph.orchestrator.verify import NotServing
from graph.orchestrator.work import Deploy, Rollback
from graph.orchestrator.world import project_of, release_of
from infrastructure.deploy import ServiceState
from shared.database import Database
from shared.ledger import deployments
from shared.ledger.runs import Run, Status
from shared.live import Live
from tests.fakes.github import FakeGitHub, Project
from tests.integration.orchestrator.bench import OWNER, Bench, claimed, forget_records
from tests.integration.orchestrator.loopback import LoopbackDeployer
from tests.integration.orchestrator.steps import NOTE, proposed, update

URL = "http://127.0.0.1:8000"


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_a_release_is_told_of_when_it_is_live_for_the_first_time(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await _asked_to_merge(bench)
    run = await bench.answer(run, "approve")
    hello = github.repository("hello")
    [merged] = _said(hello)
    assert merged.startswith(f"Merged as {hello.head('main')}, in run {run.number}.")
    assert f"{OWNER.name} approved it (" in merged
    assert hello.releases == []

    run = await bench.answer(run, "approve")
    assert run.result is not None
    [_, deployed] = _said(hello)
    assert deployed == f"Release 1 was put live on local, in run 1: {run.result['url']}"
    [release] = hello.releases
    [known] = await bench.releases(await bench.project("hello"))
    assert (release["tag"], release["name"]) == ("release-1", "Release 1")
    assert hello.refs()["refs/tags/release-1"] == hello.head("main")
    for part in ("Pull request: #1", known.commit_sha, known.digest, "1 passed"):
        assert part in release["body"]
    assert f"Release 1 of hello is on GitHub: {github.url}/ann/hello/releases/tag/release-1" in (
        await bench.notes(run)
    )

    project = await bench.project("hello")
    hello.push({"note.txt": "By hand\n"})
    for work in (Deploy(project_id=project.id), Rollback(project_id=project.id)):
        run = await bench.answer(await bench.work(work), "approve")
        assert run.status is Status.SUCCEEDED, run.reason
    assert [one["tag"] for one in hello.releases] == ["release-1", "release-2"]
    assert "Pull request" not in hello.releases[1]["body"], "it came by hand"
    assert [said.partition(",")[0] for said in _said(hello)[1:]] == ["Release 1 was put live on local"] * 2
    assert "is on GitHub" not in await bench.notes(run)


class Silence:
    """A probe that is never answered, and is not patient."""

    async def fault(self, url: str) -> str | None:
        raise NotServing(f"{url} does not answer.")


@pytest.mark.parametrize("serves", [True, False])
async def test_a_release_that_did_not_answer_at_first_is_told_of_when_it_does(
    bench: Bench, github: FakeGitHub, deployer: LoopbackDeployer, hosted: Tools, serves: bool
) -> None:
    bench.tools = replace(hosted, probe=Silence())
    first = await _asked_to_merge(bench)
    for _ in range(2):
        first = await bench.answer(first, "approve")
    hello, project = github.repository("hello"), await bench.project("hello")
    assert (first.reason_code, hello.releases) == ("not_serving", [])

    bench.tools = hosted
    if serves:
        run = await bench.work(Deploy(project_id=project.id))
    else:
        deployer.services["hello"].state = ServiceState.FAILED
        run = await bench.answer(await bench.work(Deploy(project_id=project.id)), "approve")

    assert run.result is not None, run.reason
    assert run.result["outcome"] == ("nothing_new" if serves else "live")
    assert [one["tag"] for one in hello.releases] == ["release-1"]
    assert "Release 1 of hello is on GitHub" in await bench.notes(run)
    again = await bench.work(Deploy(project_id=project.id))
    assert await bench.steps(again) == ["intake", "report"]


async def test_told_again_after_a_crash_it_is_told_once(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _live(bench)
    await announce(state, await claimed(bench, run), bench.tools)
    await announce(state, await claimed(bench, run), bench.tools)
    assert len((await bench.notes(run)).splitlines()) == 1

    await forget_records(bench, run)
    await merge(state, await claimed(bench, run), bench.tools)
    await announce(state, await claimed(bench, run), bench.tools)
    hello = github.repository("hello")
    assert [said.partition(" ")[0] for said in _said(hello)] == ["Merged", "Release"]
    assert len(hello.releases) == 1


async def test_rights_that_are_missing_are_told_once_and_fail_nothing(
    bench: Bench, github: FakeGitHub
) -> None:
    run, state = await _live(bench)
    github.grant(github.token, {"contents": "read", "pull_requests": "read"})

    for _ in range(2):
        await announce(state, await claimed(bench, run), bench.tools)

    [note] = (await bench.notes(run)).splitlines()
    assert note.startswith("Release 1 of hello is live, and not among the releases on GitHub: ")
    assert "it takes the permission contents: write. Give the token" in note
    assert github.repository("hello").releases == []


async def test_a_tag_that_names_something_else_is_left_alone(bench: Bench, github: FakeGitHub) -> None:
    run, state = await _live(bench)
    hello = github.repository("hello")
    theirs = hello.push({"theirs.txt": "Mine\n"}, "theirs", by="bob")
    hello.set_ref("refs/tags/release-1", theirs, by="bob")

    await announce(state, await claimed(bench, run), bench.tools)

    assert f"The tag release-1 names {theirs[:12]}, not {hello.head('main')[:12]}" in await bench.notes(run)
    assert hello.refs()["refs/tags/release-1"] == theirs
    assert hello.releases == []


async def test_who_decides_against_a_merge_is_said_with_their_comment(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await _asked_to_merge(bench)
    run = await bench.answer(run, "decline", "Too long.\n~~~\n@everyone, look")

    assert run.status is Status.SUCCEEDED, run.reason
    said = _said(github.repository("hello"))[0]
    assert said == (
        "In run 1 it was decided not to merge this.\n\n"
        f"~~~~text\nDecided by {OWNER.name}:\nToo long.\n~~~\n@everyone, look\n~~~~"
    )


async def test_who_decides_against_a_deployment_is_said_below_what_was_merged(
    bench: Bench, github: FakeGitHub
) -> None:
    run = await bench.answer(await _asked_to_merge(bench), "approve")
    run = await bench.answer(run, "decline")

    assert run.status is Status.SUCCEEDED, run.reason
    hello = github.repository("hello")
    [_, said] = _said(hello)
    assert said == (
        "In run 1 it was decided not to deploy what this has brought.\n\n"
        f"~~~text\nDecided by {OWNER.name}\n~~~"
    )
    assert hello.releases == []


async def _asked_to_merge(bench: Bench) -> Run:
    return await bench.answer(await bench.work(NOTE), "approve")


async def _live(bench: Bench) -> tuple[Run, State]:
    """Have a run whose pull request is merged, and whose release is live."""
    run = await bench.accept(NOTE)
    state = await proposed(bench, run)
    state.update(update(await merge(state, await claimed(bench, run), bench.tools)))
    state.update(await publish(state, await claimed(bench, run), bench.tools))
    state["url"] = URL
    context = await claimed(bench, run)
    project, release = await project_of(context, state), await release_of(context, state)
    async with bench.database.transaction() as tx:
        deployment = await deployments.start(
            tx, project_id=project.id, release_id=release.id, run_id=run.id, attempt=1, server="local"
        )
        await deployments.succeed(tx, deployment.id, url=URL)
    return run, state


def _said(hello: Project) -> list[str]:
    """Return what was said below the first pull request, without its marks."""
    return [comment["body"].partition("\n")[2] for comment in hello.comments(1)]
