"""Whatever is killed, whenever: every run ends, and all that it makes is there exactly once.

The variable KILLS makes more kills than a check before a merge has time for, and
KILLS_SEED repeats those of another run.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shared.ledger import events, projects, releases, runs
from tests.acceptance.main_job.killer import Killer
from tests.acceptance.main_job.person import Ending, Person, person_at
from tests.acceptance.main_job.repository import Repository, page
from tests.acceptance.main_job.visitors import Visitors, heading_at
from tests.engine import until
from tests.installation import Installation

KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("KILLS_SEED", random.randrange(10_000)))
RUN_S = 240
"""How long one run may take while workers are dying around it."""


@dataclass
class Story:
    """What a person did with one project, and what they were told."""

    name: str
    url: str = ""
    live: str = ""
    """The heading that the page should have at the end."""
    commits: list[str] = field(default_factory=list)
    """Pushed by hand."""
    endings: list[Ending] = field(default_factory=list)
    deployments: int = 0
    visitors: Visitors | None = None


@pytest.fixture
def pair(installation: Installation) -> Iterator[Installation]:
    """An installation with two workers, so that one goes on while the other is silent."""
    with installation.running(workers=2):
        yield installation


@pytest.mark.timeout(180 + 30 * KILLS)
async def test_whatever_is_killed_everything_happens_once_and_what_runs_keeps_running(
    pair: Installation,
) -> None:
    async with person_at(pair) as petra:
        undisturbed, stories = Story("still"), [Story("one"), Story("two")]
        await _build(petra, undisturbed)
        killer = Killer(pair, kills=KILLS, seed=SEED)

        assert undisturbed.visitors is not None
        async with undisturbed.visitors.about(), killer.at_large():
            await asyncio.gather(*(_live(petra, pair, story, killer) for story in stories))

        print(dict(killer.killed))
        for story in [undisturbed, *stories]:
            await _check(pair, story)
        await _check_the_whole(pair, [undisturbed, *stories], killer.killed)


async def _live(petra: Person, installation: Installation, story: Story, killer: Killer) -> None:
    """Build a project; then change it, deploy it and roll it back for as long as somebody kills."""
    repository = Repository(installation.home, story.name)
    await _build(petra, story)
    assert story.visitors is not None
    async with story.visitors.about():
        while not killer.has_had_enough or not story.commits:
            before, version = story.live, f"{story.name}, version {len(story.commits) + 2}"
            story.commits.append(await repository.push(page(version)))
            await _goes_live(petra, story, f"/deploy {story.name}", version)
            if not killer.has_had_enough:
                await _goes_live(petra, story, f"/rollback {story.name}", before)


async def _build(petra: Person, story: Story) -> None:
    await _goes_live(petra, story, f"/new static-site {story.name}", story.name)
    story.url = str(story.endings[0].run.result["url"])  # type: ignore[index]
    story.visitors = Visitors(story.url, pause_s=0.1)


async def _goes_live(petra: Person, story: Story, command: str, heading: str) -> None:
    ending = await petra.gets(command, within_s=RUN_S)
    assert ending.run.status == "succeeded", f"{command}: {ending.reply.plain}"
    story.endings.append(ending)
    story.live = heading
    story.deployments += 1
    if story.url:
        assert await heading_at(story.url) == heading


async def _check(installation: Installation, story: Story) -> None:
    """Look whether all that was made for a project is there once."""
    assert story.visitors is not None
    assert story.visitors.failures == [], story.name
    assert story.visitors.seen
    assert await heading_at(story.url) == story.live

    commits = await Repository(installation.home, story.name).commits()
    assert commits[:-1] == story.commits[::-1]

    async with installation.ledgers() as tx:
        project = await projects.by_name(tx, story.name)
        assert project.service == "running"
        made = await releases.of_project(tx, project.id, limit=1000)
        assert [one.commit_sha for one in made] == commits
        assert [one.number for one in made] == list(range(len(commits), 0, -1))
        worked = await runs.of_project(tx, project.id)
        assert {one.id for one in worked} >= {one.run.id for one in story.endings}
        for ending in story.endings:
            told = await events.after(tx, ending.run.id, 0, limit=100_000)
            assert [one.seq for one in told] == list(range(1, ending.run.last_event + 1))
            assert [one.type for one in told].count(events.RUN_SUCCEEDED) == 1
        succeeded = await _rows(
            tx,
            "SELECT run_id, count(*) FROM deployments WHERE project_id = %s AND status = 'succeeded' GROUP BY 1",
            project.id,
        )
        assert sorted(succeeded) == sorted((one.run.id, 1) for one in story.endings)
    archives = (installation.home / "releases" / story.name).iterdir()
    assert sorted(one.name for one in archives) == sorted(f"{commit}.tar.gz" for commit in commits)


async def _check_the_whole(installation: Installation, stories: list[Story], killed: Counter[Any]) -> None:
    """Look whether nothing is left over."""
    # The last to be killed may have had jobs of runs that others have ended since: recovery finds them.
    await until(lambda: _no_job_is_left(installation), within_s=60)
    names = sorted(story.name for story in stories)
    async with installation.ledgers() as tx:
        assert await _rows(tx, "SELECT name FROM projects ORDER BY name") == [(name,) for name in names]
        assert await _rows(tx, "SELECT count(*) FROM runs WHERE status <> 'succeeded'") == [(0,)]
        assert await _rows(tx, "SELECT count(*) FROM effects WHERE status <> 'done'") == [(0,)]
        assert await _rows(tx, "SELECT count(*) FROM deployments WHERE status = 'started'") == [(0,)]
        assert await _rows(tx, "SELECT count(*) FROM approvals WHERE status = 'pending'") == [(0,)]
        [(failed,)] = await _rows(tx, "SELECT count(*) FROM deployments WHERE status = 'failed'")
        assert failed <= killed["playbook"]
    assert installation.playbooks() == []
    assert sorted(group.split(".")[0] for group in set(installation.instances())) == names
    programs = sorted(one.name.split(".")[0] for one in installation.server.place.programs.iterdir())
    assert programs == sorted([*names, *(f"{name}-proxy" for name in names)])
    for name in names:
        place = installation.server.place.project(name)
        assert len(list(place.instances.iterdir())) == 1
        assert not list(place.releases.glob(".*"))
    assert _left(installation.home / "workspaces") == []
    assert _left(installation.home / "repositories") == [f"{name}.git" for name in names]


def _left(directory: Path) -> list[str]:
    return sorted(one.name for one in directory.iterdir() if not one.name.startswith(".lock"))


async def _no_job_is_left(installation: Installation) -> bool:
    async with installation.ledgers() as tx:
        left = await _rows(tx, "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
    return left == [(0,)]


async def _rows(tx: Any, query: str, *parameters: object) -> list[tuple[Any, ...]]:  # noqa: ANN401
    return list(await (await tx.execute(query, parameters)).fetchall())
