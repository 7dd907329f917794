"""Keeping 1,000 repositories known of which 1 % has changed: requests and seconds, beside a plain PyGithub loop.

python -m benchmarks.sync [REPOSITORIES]

GitHub is the tests' fake one, on this machine: over a network, each request takes longer by as much as the
way takes, so that the number of requests counts for more than the seconds here.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from github import Auth, Github
from github.Commit import Commit

from benchmarks.installation import servers
from infrastructure.forge.github import FixedToken, GitHubClient, Patience
from infrastructure.forge.github.survey import GitHubSurvey
from scheduler.github_sync import Synced, github_sync
from shared.database import Database
from shared.ids import UserId
from shared.ledger import projects, sessions, users
from shared.ledger.users import Role
from shared.live import Live
from shared.locks import HeldLock, redis_lock
from tests.fakes.github import GitHub, Project, github_in_process

REPOSITORIES = 1000
CHANGED_IN_100 = 1

Sync = Callable[[], Any]


async def main() -> None:
    """Print all figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else REPOSITORIES
    with github_in_process() as github:
        # The loop alone would use up what GitHub gives for an hour.
        github.limit(per_hour=100 * count)
        repositories = await asyncio.to_thread(_make, github, count)
        async with _synced(github, repositories) as sync:
            await _measured(github, f"{count} repositories, nothing known", sync)
            # Out of the time in which what was just pushed is looked at again.
            await asyncio.to_thread(github.advance, 3600)
            await sync()
            await _measured(github, "nothing has changed", sync)
            changed = count * CHANGED_IN_100 // 100
            await asyncio.to_thread(_push, repositories[::100][:changed])
            await _measured(github, f"{changed} of them were pushed to", sync)
            await _measured(
                github, "the same, a plain PyGithub loop", lambda: asyncio.to_thread(_plain, github)
            )


def _make(github: GitHub, count: int) -> list[Project]:
    made = []
    for number in range(count):
        repository = github.create(f"project-{number}", {"README.md": f"# Project {number}\n"})
        repository.check(repository.head(), "ci")
        made.append(repository)
    return made


def _push(repositories: list[Project]) -> None:
    for repository in repositories:
        repository.check(repository.push({"app.py": "print('by hand')\n"}), "ci")


@asynccontextmanager
async def _synced(github: GitHub, repositories: list[Project]) -> AsyncIterator[Sync]:
    client = GitHubClient(FixedToken(github.token, github.url), github.url, Patience())
    survey = GitHubSurvey(client, None)
    async with (
        servers() as parts,
        Database(parts.database_url) as database,
        Live(parts.redis_url) as live,
        redis_lock(live, database, "github_sync", ttl_s=30) as held,
    ):
        await _record(database, repositories)
        yield lambda: _pass(database, live, survey, held)
    client.close()


async def _pass(database: Database, live: Live, survey: GitHubSurvey, held: HeldLock) -> Synced:
    return await github_sync(database, live, survey, held, list_every_s=0, pass_s=3600)


async def _record(database: Database, repositories: list[Project]) -> None:
    """Let each repository be a project's."""
    async with database.transaction() as tx:
        owner = await users.ensure(tx, UserId("benchmark:owner"), name="Benchmark", role=Role.OWNER)
        session = await sessions.ensure(tx, front="benchmark", external_key="1", owner_id=owner.id)
        for number, repository in enumerate(repositories):
            name = f"project-{number}"
            project = await projects.create(
                tx,
                name=name,
                blueprint="web-service",
                description="",
                owner_id=owner.id,
                session_id=session.id,
            )
            await projects.set_repository(tx, project.id, {"name": name, "url": "", "id": repository.id})


async def _measured(github: GitHub, what: str, work: Sync) -> None:
    await asyncio.to_thread(github.forget_requests)
    started = time.perf_counter()
    await work()
    took = time.perf_counter() - started
    counts = await asyncio.to_thread(github.counts)
    print(
        f"{what:36} {counts.total:6} requests, of which {counts.counted:6} count against the limit {took:8.2f} s",
        flush=True,
    )


def _plain(github: GitHub) -> None:
    """Read the same of every repository, as one would write it first."""
    client = Github(
        auth=Auth.Token(github.token), base_url=github.url, per_page=100, seconds_between_requests=0
    )
    for repository in client.get_user().get_repos(affiliation="owner"):
        head: Commit = repository.get_branch(repository.default_branch).commit
        list(repository.get_pulls(state="all"))
        list(head.get_check_runs())
        head.get_combined_status()
    client.close()


if __name__ == "__main__":
    uvloop.run(main())
