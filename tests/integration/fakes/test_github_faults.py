"""The fake GitHub fails on demand, keeps its limits, knows what did not change, and runs elsewhere."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests
from github import Github, GithubException, RateLimitExceededException

from tests.fakes.github import FakeGitHub, Mismatch, RemoteGitHub, github_in_process, github_in_thread
from tests.fakes.github.clients import GitClient, GitFailed, pygithub


@pytest.fixture
def github() -> Iterator[RemoteGitHub]:
    with github_in_thread() as github:
        yield github


@pytest.fixture
def client(github: RemoteGitHub) -> Github:
    return pygithub(github)


def ask(github: RemoteGitHub, path: str, **headers: str) -> requests.Response:
    own = {"Authorization": f"Bearer {github.token}", **headers}
    return requests.get(github.api_url + path, headers=own, timeout=10)


# Faults


def test_a_fault_hits_as_often_as_it_was_asked_to(github: RemoteGitHub, client: Github) -> None:
    github.create("shop")
    fault = github.fail("GET /repos/*", times=2, status=502, skip=1)
    client.get_repo("ann/shop")
    for _ in range(2):
        with pytest.raises(GithubException) as failed:
            client.get_repo("ann/shop")
        assert failed.value.status == 502
        assert "Unicorn" in str(failed.value.data)
    client.get_repo("ann/shop")
    assert fault.hits == 2


def test_a_cut_connection_leaves_nothing_and_one_after_the_effect_leaves_it(
    github: RemoteGitHub, client: Github
) -> None:
    user = client.get_user()
    github.fail("POST /user/repos", cut=True)
    with pytest.raises(requests.ConnectionError):
        user.create_repo("one")
    github.fail("POST /user/repos", after_effect=True)
    with pytest.raises(requests.ConnectionError):
        user.create_repo("two")
    github.fail("POST /user/repos", after_effect=True, status=503)
    with pytest.raises(GithubException):
        user.create_repo("three")
    assert [repository.full_name for repository in github.repositories] == ["ann/two", "ann/three"]


def test_an_answer_can_be_cut_short_or_slow(github: RemoteGitHub) -> None:
    github.create("shop")
    github.fail("/repos/ann/shop", truncate=True)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        ask(github, "/repos/ann/shop")
    github.fail("/repos/ann/shop", slow_body_s=0.3)
    started = time.monotonic()
    assert ask(github, "/repos/ann/shop").json()["name"] == "shop"
    assert time.monotonic() - started >= 0.2  # it waits between the pieces


def test_git_meets_faults_too(github: RemoteGitHub, tmp_path: Path) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    git = GitClient(tmp_path / "clone", github.token)
    git.clone(shop.clone_url)
    sha = git.commit({"a.txt": "b"})
    github.fail("POST */git-receive-pack", after_effect=True)
    with pytest.raises(GitFailed):
        git("push", "origin", "main")
    assert shop.head() == sha
    github.fail("GET */info/refs", status=503)
    with pytest.raises(GitFailed, match="503"):
        git("fetch", "origin")
    git("push", "origin", "main")


def test_a_paused_server_answers_later(github: RemoteGitHub, client: Github) -> None:
    github.create("shop")
    github.pause()
    names: list[str] = []
    asking = threading.Thread(target=lambda: names.append(client.get_repo("ann/shop").name))
    asking.start()
    asking.join(0.3)
    assert asking.is_alive()
    github.resume()
    asking.join(10)
    assert names == ["shop"]


# Limits


def test_the_primary_limit_ends_with_its_hour(github: RemoteGitHub, client: Github) -> None:
    github.create("shop")
    github.limit(remaining=1, reset_in_s=100)
    assert client.get_repo("ann/shop").raw_headers["x-ratelimit-remaining"] == "0"
    with pytest.raises(RateLimitExceededException, match="API rate limit exceeded for user ID") as exceeded:
        client.get_repo("ann/shop")
    headers = exceeded.value.headers or {}
    assert headers["x-ratelimit-remaining"] == "0"
    assert 90 < int(headers["x-ratelimit-reset"]) - time.time() <= 100
    assert client.get_rate_limit().rate.remaining == 0  # asking for it is free
    github.advance(101)
    assert client.get_repo("ann/shop").raw_headers["x-ratelimit-remaining"] == "4999"


@pytest.mark.parametrize("status", [403, 429])
def test_the_secondary_limit_says_when_to_come_back(github: RemoteGitHub, status: int) -> None:
    github.fail(retry_after=7, status=status)
    answer = ask(github, "/user")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert "secondary rate limit" in answer.json()["message"]


# What did not change


def test_what_did_not_change_costs_nothing(github: RemoteGitHub) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    first = ask(github, "/repos/ann/shop/branches")
    again = ask(github, "/repos/ann/shop/branches", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    shop.push({"a.txt": "b"})
    changed = ask(github, "/repos/ann/shop/branches", **{"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    counts = github.counts()
    assert (counts.total, counts.counted, counts.not_modified) == (3, 2, 1)
    assert counts.by_route == {"GET /repos/{owner}/{repo}/branches": 3}


def test_a_single_thing_knows_since_when_it_did_not_change(github: RemoteGitHub) -> None:
    shop = github.create("shop", {"a.txt": "a"})
    modified = ask(github, "/repos/ann/shop").headers["Last-Modified"]
    assert ask(github, "/repos/ann/shop", **{"If-Modified-Since": modified}).status_code == 304
    github.advance(2)
    shop.push({"a.txt": "b"})
    assert ask(github, "/repos/ann/shop", **{"If-Modified-Since": modified}).status_code == 200


def test_a_request_that_is_not_as_described_is_refused(github: RemoteGitHub) -> None:
    github.create("shop", {"a.txt": "a"})
    answer = requests.post(
        f"{github.url}/repos/ann/shop/pulls",
        json={"head": "work"},
        headers={"Authorization": f"Bearer {github.token}"},
        timeout=10,
    )
    assert answer.status_code == 422
    assert answer.json()["message"] == 'Invalid request.\n\n"base" wasn\'t supplied.'


# Where it runs


async def test_it_runs_in_the_loop_of_a_test() -> None:
    async with FakeGitHub() as github:
        shop = github.create("shop", {"a.txt": "a"})
        repository = await asyncio.to_thread(pygithub(github).get_repo, "ann/shop")
        await asyncio.to_thread(repository.create_issue, "Hello")
        found = await github.until(lambda: shop.issues)
        assert found[0]["title"] == "Hello"


async def test_an_answer_that_github_would_not_give_is_seen_by_the_test() -> None:
    github = FakeGitHub()
    await github.start()
    github.create("shop").change(homepage=7)
    await asyncio.to_thread(pygithub(github).get_repo, "ann/shop")
    await github.stop()
    with pytest.raises(Mismatch, match="homepage"):
        github.check()


def test_it_runs_as_a_process() -> None:
    with github_in_process(owner="zoe") as github:
        assert psutil.Process(github.pid).is_running()
        shop = github.create("shop", {"a.txt": "a"})
        assert pygithub(github).get_repo("zoe/shop").get_branch("main").commit.sha == shop.head()
        with pytest.raises(LookupError):
            github.repository("other")
