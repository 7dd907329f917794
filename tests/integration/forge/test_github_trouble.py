"""What becomes of work when GitHub has a bad day, or does not want us."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infrastructure.forge import Commit, Repository
from infrastructure.forge.github import (
    BadCredentials,
    GitHubForge,
    GitHubUnavailable,
    MissingRight,
    RateLimited,
)
from tests.integration.forge.machines import OnGitHub

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
API = "GET /repositories/*"
ADVERTISED = "*/info/refs"
PUSHED = "*/git-receive-pack"


@pytest.fixture
def forge(on_github: OnGitHub) -> GitHubForge:
    return on_github.elsewhere()


@pytest.fixture
async def repository(forge: GitHubForge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


async def commit(forge: GitHubForge, repository: Repository, tree: Path) -> Commit:
    return await forge.commit(
        repository, tree, branch="main", message="Begin", author_date=WHEN, expected_parent=None
    )


async def test_an_answer_of_502_or_one_that_breaks_off_is_waited_out(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.github.fail(API, status=502)
    on_github.github.fail(API, truncate=True)
    on_github.github.fail(API, cut=True)

    assert await forge.head(repository, "main") is None


async def test_git_waits_out_trouble_too_and_pushes_once(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    on_github.github.fail(ADVERTISED, status=503)
    on_github.github.fail(PUSHED, after_effect=True)

    made = await commit(forge, repository, tree)

    assert await forge.head(repository, "main") == made.sha
    assert len(await forge.log(repository, "main")) == 1


async def test_trouble_that_stays_is_said_to_be_githubs(
    on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    impatient = on_github.elsewhere(patience_s=0)
    on_github.github.fail(API, status=500, times=None)

    with pytest.raises(GitHubUnavailable) as caught:
        await commit(impatient, repository, tree)

    assert caught.value.transient
    assert "500" in caught.value.message


async def test_a_short_pause_that_github_asks_for_is_kept(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.github.fail(API, retry_after=1)
    begun = time.monotonic()

    await forge.head(repository, "main")

    assert time.monotonic() - begun >= 1


async def test_a_long_pause_is_handed_on_at_once_with_its_end(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.github.fail(API, retry_after=120, times=None)
    before = datetime.now(UTC)

    with pytest.raises(RateLimited) as caught:
        await forge.head(repository, "main")

    assert timedelta(seconds=120) <= caught.value.until - before < timedelta(seconds=180)
    assert not caught.value.transient


async def test_an_hours_requests_that_are_used_up_are_handed_on_with_the_hours_end(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.github.limit(remaining=0, reset_in_s=900, token=on_github.github.token)

    with pytest.raises(RateLimited) as caught:
        await forge.checks(repository, "0" * 40)

    left = caught.value.until - datetime.now(UTC)
    assert timedelta(seconds=800) < left < timedelta(seconds=910)


async def test_a_token_that_was_revoked_is_said_to_be_bad(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.github.revoke(on_github.github.token)

    with pytest.raises(BadCredentials) as caught:
        await forge.head(repository, "main")

    assert "GITHUB_TOKEN" in caught.value.advice
    assert on_github.github.token not in str(caught.value)


async def test_a_permission_that_is_missing_is_named(
    on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    reader = on_github.elsewhere(
        token=on_github.github.new_token(permissions={"contents": "read", "pull_requests": "read"})
    )

    with pytest.raises(MissingRight, match="contents: write"):
        await commit(reader, repository, tree)
    with pytest.raises(MissingRight, match="actions_variables"):
        await reader.set_variables(repository, {"A": "1"})
    with pytest.raises(MissingRight, match="administration: write"):
        await reader.archive(repository, owner_key="project-1")


async def test_a_workflow_without_the_right_to_change_workflows_names_it(
    on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    writer = on_github.elsewhere(token=on_github.github.new_token(permissions={"contents": "write"}))
    (tree / ".github" / "workflows").mkdir(parents=True)
    (tree / ".github" / "workflows" / "ci.yml").write_text("on: push\n")

    with pytest.raises(MissingRight, match="workflows: write"):
        await commit(writer, repository, tree)


async def test_the_event_loop_goes_on_while_github_is_slow(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.github.fail(API, slow_s=0.6)
    asking = asyncio.create_task(forge.pull_request(repository, 1))
    ticks = 0
    while not asking.done() and ticks < 10:
        await asyncio.sleep(0.05)
        ticks += 1

    assert ticks == 10
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
