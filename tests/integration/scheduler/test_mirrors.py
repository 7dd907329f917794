"""Mirrors go that nobody uses, that no project has, or that have gathered for long; the others stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

from infrastructure.forge.mirrors import Mirrors
from scheduler.archives import ArchiveAges
from scheduler.leftovers import Leftovers, Removed
from shared.ledger import projects
from tests.engine import Engine

HOUR_S = 3600
DAY_S = 24 * HOUR_S


async def test_mirrors_of_living_projects_go_when_they_are_unused_or_old(engine: Engine, home: Path) -> None:
    fresh, used_daily, busy, unused = range(1, 5)
    for number in (fresh, used_daily, busy, unused):
        await _project(engine, number)
    _mirror(home, fresh, made_s=6 * DAY_S, unused_s=6 * DAY_S)
    _mirror(home, used_daily, made_s=31 * DAY_S, unused_s=2 * HOUR_S)
    _mirror(home, busy, made_s=31 * DAY_S, unused_s=60)
    _mirror(home, unused, made_s=8 * DAY_S, unused_s=8 * DAY_S)

    assert await _look(engine, home) == Removed(mirrors=2)

    assert await _there(home) == [fresh, busy]


async def test_mirrors_of_no_living_project_go_after_a_day(engine: Engine, home: Path) -> None:
    removed, not_recorded_yet, of_nobody = range(1, 4)
    await _project(engine, removed)
    async with engine.database.transaction() as tx:
        await projects.remove(tx, (await projects.by_name(tx, f"project-{removed}")).id)
    _mirror(home, removed, made_s=2 * DAY_S, unused_s=2 * DAY_S)
    _mirror(home, not_recorded_yet, made_s=2 * HOUR_S, unused_s=2 * HOUR_S)
    _mirror(home, of_nobody, made_s=2 * DAY_S, unused_s=2 * DAY_S)
    # Its repository is on this machine, and has no number.
    await engine.project("local")

    assert await _look(engine, home) == Removed(mirrors=2)

    assert await _there(home) == [not_recorded_yet]


async def _project(engine: Engine, number: int) -> None:
    project_id = await engine.project(f"project-{number}")
    async with engine.database.transaction() as tx:
        await projects.set_repository(tx, project_id, {"name": "any", "url": "nowhere", "id": number})


def _mirror(home: Path, number: int, *, made_s: float, unused_s: float) -> None:
    directory, now = Mirrors(home).path(number), time.time()
    directory.mkdir(parents=True)
    (directory / "description").write_text("hello\n")
    os.utime(directory / "description", (now - made_s, now - made_s))
    os.utime(directory, (now - unused_s, now - unused_s))


async def _look(engine: Engine, home: Path) -> Removed:
    return await Leftovers(engine.database, home, ArchiveAges()).remove()


async def _there(home: Path) -> list[int]:
    return [mirror.number for mirror in await Mirrors(home).there_are()]
