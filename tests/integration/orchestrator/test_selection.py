"""What is deployed is the head of the branch that is the default one, whichever that is on GitHub now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from graph.orchestrator.selection import NothingCommitted, select_for_deploy
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools
from graph.orchestrator.work import Deploy
from shared.database import Database
from shared.ledger import projects, repositories
from shared.ledger.projects import Project
from shared.ledger.repositories import Standing
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.fakes.github import Project as OnGitHub
from tests.integration.orchestrator.bench import Bench, claimed
from tests.integration.orchestrator.steps import update

NOW = datetime.now(UTC)


@pytest.fixture
async def bench(database_url: str, redis_url: str, hosted: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, hosted)


async def test_the_branch_that_the_sync_has_seen_to_be_the_default_one_is_deployed(
    bench: Bench, github: FakeGitHub
) -> None:
    shop = github.create("shop", {"note.txt": "On main\n"})
    trunk = shop.push({"note.txt": "On trunk\n"}, "trunk")
    project = await _recorded(bench, shop)
    assert await _chosen(bench, project) == shop.head("main"), "the sync has not looked yet"

    await _seen(bench, shop, default_branch="trunk")
    assert await _chosen(bench, project) == trunk

    await _seen(bench, shop, default_branch="empty")
    with pytest.raises(NothingCommitted, match="no commit on empty of shop"):
        await _chosen(bench, project)


async def _recorded(bench: Bench, repository: OnGitHub) -> Project:
    project = await bench.bare_project("shop", repository=False)
    recorded = {"name": "shop", "url": repository.clone_url, "id": repository.id}
    async with bench.database.transaction() as tx:
        await projects.set_repository(tx, project.id, recorded)
        await repositories.track(tx)
    return await bench.project("shop")


async def _seen(bench: Bench, repository: OnGitHub, *, default_branch: str) -> None:
    standing = Standing(
        repository.id, "ann", "shop", repository.clone_url, default_branch, False, NOW, NOW, NOW
    )  # fmt: skip
    async with bench.database.transaction() as tx:
        await repositories.note_standing(tx, standing)


async def _chosen(bench: Bench, project: Project) -> str:
    work = Deploy(project_id=project.id)
    state = State(kind="deploy", project_id=str(project.id))
    context = await claimed(bench, await bench.accept(work))
    try:
        return update(await select_for_deploy(work, state, context, bench.tools))["commit"]
    finally:
        # The next run of the project stands behind this one until it has ended.
        async with bench.database.transaction() as tx:
            await tx.execute("UPDATE runs SET status = 'failed', ended_at = now(), worker = NULL")
