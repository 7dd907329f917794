"""A story that nobody waits for any more ends: beside the one that is told in its stead it does nothing."""

from __future__ import annotations

import asyncio
import threading

import pytest

from infrastructure.forge import Repository
from infrastructure.forge.github import FixedToken, GitHubForge, GitHubUnavailable
from infrastructure.forge.github.deadlines import Deadline
from infrastructure.forge.github.tokens import live_requester
from tests.engine import until
from tests.fakes.github import Project
from tests.integration.forge.machines import OnGitHub

LISTED = "GET */comments"


@pytest.fixture
def forge(on_github: OnGitHub) -> GitHubForge:
    return on_github.elsewhere(timeout_s=2)


@pytest.fixture
async def repository(on_github: OnGitHub) -> Repository:
    return await on_github.elsewhere().ensure_repository("hello", "A greeting", owner_key="project-1")


@pytest.fixture
def project(on_github: OnGitHub, repository: Repository) -> Project:
    return on_github.project(repository)


@pytest.fixture
def issue(project: Project) -> int:
    """One below which somebody has said something."""
    number = project.open_issue("It does not greet", by="bob")
    project.comment(number, "Why not?", by="bob")
    return number


@pytest.fixture
def before(repository: Repository) -> set[threading.Thread]:
    """The threads that are there before a story is told."""
    return set(threading.enumerate())


async def test_an_answer_that_drips_is_given_up_with_its_thread_and_the_retry_comments_once(
    forge: GitHubForge,
    on_github: OnGitHub,
    repository: Repository,
    project: Project,
    issue: int,
    before: set[threading.Thread],
) -> None:
    on_github.github.fail(LISTED, slow_body_s=16)

    await forge.comment_once(repository, issue, key="run-1", body="Tests passed")
    forge.close()
    await until(lambda: _are_gone(before), within_s=5)

    assert len([one for one in project.comments(issue) if "Tests passed" in one["body"]]) == 1


async def test_a_story_that_was_called_off_asks_for_nothing_more(
    forge: GitHubForge,
    on_github: OnGitHub,
    repository: Repository,
    project: Project,
    issue: int,
    before: set[threading.Thread],
) -> None:
    held = on_github.github.fail(LISTED, held=True)
    commenting = asyncio.create_task(forge.comment_once(repository, issue, key="run-1", body="Tests passed"))
    await on_github.github.until(lambda: held.hits)

    commenting.cancel()
    await asyncio.gather(commenting, return_exceptions=True)
    held.cancel()
    forge.close()
    await until(lambda: _are_gone(before), within_s=5)

    assert [one["body"] for one in project.comments(issue)] == ["Why not?"]


async def test_no_request_is_sent_for_a_story_that_was_called_off(on_github: OnGitHub) -> None:
    url = on_github.github.url
    requester = live_requester(FixedToken(on_github.github.token, url), url)
    deadline = Deadline(60)

    def story() -> None:
        with deadline.kept():
            requester.requestJsonAndCheck("GET", "/user")
            deadline.call_off()
            requester.requestJsonAndCheck("GET", "/user")

    with pytest.raises(GitHubUnavailable):
        await asyncio.to_thread(story)

    assert len(on_github.github.requests()) == 1


async def _are_gone(before: set[threading.Thread]) -> bool:
    """Return whether no story is told any more: threads that are free end when their forge is closed."""
    return not any(one.name.startswith("github") for one in set(threading.enumerate()) - before)
