"""People rename a project's repository on GitHub; its releases stay what they are, and the next ones are its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph.orchestrator.tools import Tools
from graph.orchestrator.work import Build, Deploy, Rollback
from infrastructure.deploy.module_utils.telewright import archives, records
from infrastructure.deploy.module_utils.telewright.places import Server
from shared.database import Database
from shared.ledger import projects
from shared.ledger.releases import Release
from shared.ledger.runs import Run, Status
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.integration.orchestrator.bench import Bench
from tests.integration.orchestrator.loopback import LoopbackDeployer


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_a_project_is_deployed_and_rolled_back_under_its_own_name(
    bench: Bench, github: FakeGitHub, deployer: LoopbackDeployer, tmp_path: Path
) -> None:
    run = await bench.work(Build(blueprint="note", name="hello", description="A note"))
    for question in ("plan", "merge", "release"):
        assert run.status is Status.WAITING, (question, run.reason)
        run = await bench.answer(run, "approve")
    _succeeded(run)
    hello, project = github.repository("hello"), await bench.project("hello")

    # A name that no project could have.
    hello.rename("My_Store")
    async with bench.database.transaction() as tx:
        await projects.follow_repository(tx, hello.id, name="My_Store", url=hello.clone_url)
    hello.push({"note.txt": "By hand\n"}, "main")
    _succeeded(await bench.answer(await bench.work(Deploy(project_id=project.id)), "approve"))
    _succeeded(await bench.answer(await bench.work(Rollback(project_id=project.id)), "approve"))

    first, second = sorted(await bench.releases(project), key=lambda release: release.number)
    assert deployer.deployed == [first.commit_sha, second.commit_sha, first.commit_sha]
    place = Server(root=tmp_path / "server", sockets=tmp_path).project("hello")
    place.create()
    for release in (first, second):
        standing = await bench.tools.releases.find("hello", release.commit_sha)
        assert standing is not None
        assert archives.unpack(standing.archive, place=place, release=_approved(release))


def _succeeded(run: Run) -> None:
    assert run.status is Status.SUCCEEDED, run.reason


def _approved(release: Release) -> records.Release:
    return records.Release(release.commit_sha, release.digest.removeprefix("sha256:"))


async def test_what_waits_goes_on_after_its_repository_was_renamed(bench: Bench, github: FakeGitHub) -> None:
    run = await bench.work(Build(blueprint="note", name="hello", description="A note"))
    run = await bench.answer(run, "approve")
    assert run.status is Status.WAITING, run.reason
    hello = github.repository("hello")

    hello.rename("greeting")
    async with bench.database.transaction() as tx:
        await projects.follow_repository(tx, hello.id, name="greeting", url=hello.clone_url)
    for _ in ("merge", "release"):
        run = await bench.answer(run, "approve")

    _succeeded(run)
    assert [name for name in hello.refs() if "telewright" in name] == []
