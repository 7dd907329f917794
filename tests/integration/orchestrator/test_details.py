"""What a person can read before deciding is what will be done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graph.orchestrator.work import Build, Deploy
from infrastructure.forge import ForgeUnavailable, LocalForge, Repository
from shared.ledger import approvals
from shared.ledger.approvals import Approval
from shared.ledger.runs import Run
from tests.integration.orchestrator.bench import Bench, push

NOTE = Build(blueprint="note", name="hello", description="A note to the world")


async def details(bench: Bench, approval: Approval) -> dict[str, str]:
    async with bench.database.connection() as connection:
        return {one.name: one.text for one in await approvals.details_of(connection, approval.id)}


async def asked(bench: Bench, run: Run) -> dict[str, str]:
    return await details(bench, await bench.asks(run))


async def test_a_plan_names_the_files_it_would_make_and_every_step(bench: Bench) -> None:
    run = await bench.work(NOTE)

    read = await asked(bench, run)

    assert list(read) == ["Plan", "Files"]
    assert "deploy.yaml" in read["Files"].splitlines()
    assert "Project: hello" in read["Plan"]
    assert "1. Write the files of hello from the blueprint note." in read["Plan"]
    assert "Ask before anything is deployed." in read["Plan"]
    assert [one["name"] for one in (await bench.asks(run)).question["details"]] == ["Plan", "Files"]
    assert not any(one["text"] for one in (await bench.asks(run)).question["details"])


async def test_the_same_plan_asked_again_says_the_same(bench: Bench) -> None:
    run = await bench.work(NOTE)
    first = await asked(bench, run)

    await bench.answer(run, "reject", "something that nobody understands")

    assert await asked(bench, run) == first


async def test_a_first_release_names_its_files_its_tests_and_the_playbook(bench: Bench) -> None:
    run = await bench.work(NOTE)
    await bench.answer(run, "approve")

    read = await asked(bench, run)

    assert list(read) == ["Files", "Tests", "Playbook"]
    assert "deploy.yaml" in read["Files"].splitlines()
    assert "1 passed" in read["Tests"]
    assert "Wait for its health check" in read["Playbook"]
    assert "Instead of: nothing" in read["Playbook"]


async def test_a_later_release_shows_what_has_changed_since_the_one_that_serves(bench: Bench) -> None:
    project = await bench.live_project()
    await push(project, "note.txt", "first line\n\x1b[31mred\n")

    run = await bench.work(Deploy(project_id=project.id))

    read = await asked(bench, run)
    assert "note.txt" in read["Changes"]
    assert "+first line" in read["Changes"]
    assert "\x1b" not in read["Changes"]
    assert "Instead of: release 1" in read["Playbook"]


class Unreadable(LocalForge):
    """A forge that does not hand out its commits any more."""

    broken = False

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        if self.broken:
            raise ForgeUnavailable("The disk is away.")
        await super().export(repository, commit, target)


@pytest.fixture
def forge(home: Path) -> Unreadable:
    return Unreadable(home)


async def test_what_cannot_be_read_does_not_keep_anybody_from_deciding(
    bench: Bench, forge: Unreadable
) -> None:
    project = await bench.live_project()
    await push(project, "note.txt", "one")
    run = await bench.work(Deploy(project_id=project.id))
    await bench.answer(run, "decline")
    bench.tools = replace(bench.tools, forge=forge)
    forge.broken = True

    run = await bench.work(Deploy(project_id=project.id))

    assert await asked(bench, run) == {"Details": "They could not be read: The disk is away."}
