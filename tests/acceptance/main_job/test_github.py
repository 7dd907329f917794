"""The main job with GitHub: from the chat to the merged pull request and the deployed release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infrastructure.embedded import EmbeddedValkey
from shared.ledger.runs import Status
from tests.acceptance.main_job.person import person_at
from tests.fakes.github import RemoteGitHub, github_in_process
from tests.installation import Installation
from tests.parts import SharedParts


@pytest.fixture
def github() -> Iterator[RemoteGitHub]:
    with github_in_process() as github:
        yield github


@pytest.fixture
def with_github(
    shared_parts: SharedParts, _valkey: EmbeddedValkey, database_url: str, home: Path, github: RemoteGitHub
) -> Iterator[Installation]:
    """An installation that is told where GitHub is, and as whom."""
    _valkey.start()
    shared_parts.lend_packages(home)
    settings = {"GITHUB_TOKEN": github.token, "GITHUB_API_URL": github.url}
    installation = Installation(home, database_url, _valkey.url, settings)
    with installation.running():
        yield installation


async def test_a_sentence_becomes_a_merged_pull_request_and_a_service_that_answers(
    with_github: Installation, github: RemoteGitHub
) -> None:
    async with person_at(with_github) as petra:
        reply = await petra.say("/new static-site hello")
        assert reply.run_number is not None
        # Actions are slower than a person who approves at once.
        await github.until(lambda: bool(github.repository("hello").pulls), timeout=120)
        hello = github.repository("hello")
        [proposed] = hello.pulls
        assert proposed.state == "open"
        hello.check(proposed.head_sha, "test")
        ending = await petra.sees_the_end_of(reply.run_number)
        await petra.say("/status hello")

    assert ending.run.status is Status.SUCCEEDED, ending.run.reason
    [merged] = hello.pulls
    assert (merged.state, merged.merge_sha) == ("merged", hello.head("main"))
    assert [name for name in hello.refs() if "telewright" in name] == [], (
        "its branch and its saved work are gone"
    )
    result = ending.run.result
    assert result is not None
    assert result["commit"] == merged.merge_sha
    shown = ending.reply.plain
    assert f"{github.url}/ann/hello/pull/1" in shown
    assert f"{github.url}/ann/hello" in shown
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(result["url"])).is_success
    assert github.token not in petra.was_shown
    assert github.token.encode() not in with_github.log.read_bytes()
