"""Archives of releases go by age and number; what is deployed, or would be gone back to, never does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from infrastructure.archives import Archives
from scheduler.archives import ArchiveAges, remove_archives
from scheduler.leftovers import Leftovers, Removed
from shared.ids import ProjectId
from shared.ledger import deployments, projects, releases
from shared.ledger.releases import Release
from shared.ledger.runs import Run
from tests import workflows
from tests.engine import Engine

AGES = ArchiveAges(days=90, most=20)


@dataclass
class Shelf:
    """One project's releases, and their archives on this machine."""

    engine: Engine
    archives: Archives
    project_id: ProjectId
    run: Run

    async def fill(self, number: int) -> list[Release]:
        """Have so many releases, whose archives were written long ago."""
        return [await self._release(one) for one in range(1, number + 1)]

    async def _release(self, number: int) -> Release:
        commit = f"{number:040x}"
        self.put("hello", commit)
        async with self.engine.database.transaction() as tx:
            return await releases.record(
                tx, project_id=self.project_id, commit_sha=commit, digest="sha256:0", contract={},
                tests="1 passed", run_id=self.run.id,
            )  # fmt: skip

    def put(self, project: str, commit: str, *, fresh: bool = False) -> Path:
        path = self.archives.path(project, commit)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        if not fresh:
            os.utime(path, (0, 0))
        return path

    async def deploy(self, *deployed: Release) -> None:
        """Put releases live, one after the other."""
        for attempt, release in enumerate(deployed, start=1):
            async with self.engine.database.transaction() as tx:
                deployment = await deployments.start(
                    tx, project_id=self.project_id, release_id=release.id, run_id=self.run.id,
                    attempt=attempt, server="local",
                )  # fmt: skip
                await deployments.succeed(tx, deployment.id, url="http://127.0.0.1:1")

    async def age(self, days: int) -> None:
        """Let all releases have been made so long ago."""
        async with self.engine.database.transaction() as tx:
            await tx.execute("UPDATE releases SET created_at = now() - make_interval(days => %s)", [days])

    async def remove(self, ages: ArchiveAges = AGES) -> int:
        return await remove_archives(self.engine.database, self.archives, ages)

    @property
    def there(self) -> list[int]:
        """The numbers of the releases that have an archive here."""
        return sorted(int(path.name[:40], 16) for path in (self.archives.root / "hello").glob("*.tar.gz"))


@pytest.fixture
async def shelf(engine: Engine, home: Path) -> Shelf:
    project_id = await engine.project("hello")
    run = await engine.accept(workflows.build_failing, project_id=project_id)
    await engine.drain()
    return Shelf(engine, Archives(home), project_id, run)


async def test_old_archives_go_and_the_newest_five_stay_whatever_their_age(shelf: Shelf) -> None:
    await shelf.fill(8)
    assert await shelf.remove() == 0

    await shelf.age(days=91)
    assert await shelf.remove() == 3
    assert shelf.there == [4, 5, 6, 7, 8]


async def test_archives_before_many_others_go_whatever_their_age(shelf: Shelf) -> None:
    await shelf.fill(10)
    assert await shelf.remove(ArchiveAges(days=90, most=7)) == 3
    assert shelf.there == [4, 5, 6, 7, 8, 9, 10]


async def test_what_is_deployed_and_what_a_rollback_goes_back_to_stays(shelf: Shelf) -> None:
    every = await shelf.fill(12)
    await shelf.age(days=91)
    # A rollback from 4 would go back to 2: 3 was never live, and 6 is later.
    await shelf.deploy(every[1], every[5], every[3])

    await shelf.remove()
    assert shelf.there == [2, 4, 6, 8, 9, 10, 11, 12]

    await shelf.deploy(every[1], every[5], every[3], every[9])
    await shelf.remove()
    assert shelf.there == [4, 8, 9, 10, 11, 12]


async def test_a_project_that_is_worked_on_keeps_all_it_has(shelf: Shelf) -> None:
    await shelf.fill(8)
    await shelf.age(days=91)
    await shelf.engine.accept(workflows.build_approval, project_id=shelf.project_id)
    await shelf.engine.drain()

    assert await shelf.remove() == 0


async def test_archives_that_no_release_has_go_and_those_of_today_stay(shelf: Shelf, home: Path) -> None:
    unknown = shelf.put("hello", "a" * 40)
    unfinished = shelf.put("hello", "c" * 40).rename(home / "releases" / "hello" / f"{'c' * 40}.tar.new")
    fresh = shelf.put("hello", "d" * 40, fresh=True)
    foreign = home / "releases" / "hello" / "notes.txt"
    foreign.write_text("mine")

    leftovers = Leftovers(shelf.engine.database, home, AGES, grace_s=0)
    assert await leftovers.remove() == Removed(archives=1)

    assert not any(path.exists() for path in (unknown, unfinished))
    assert fresh.exists()
    assert foreign.exists()


async def test_those_of_a_removed_project_go(shelf: Shelf) -> None:
    await shelf.fill(2)
    async with shelf.engine.database.transaction() as tx:
        await projects.remove(tx, shelf.project_id)
    assert await shelf.remove() == 2


async def test_those_of_what_no_project_was_ever_called_stay(shelf: Shelf) -> None:
    unknown = shelf.put("store", "a" * 40)
    assert await shelf.remove() == 0
    assert unknown.exists()
