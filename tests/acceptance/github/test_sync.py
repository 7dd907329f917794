"""A scheduler and an API as real processes, beside a GitHub on which people push, rename and delete."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engine import until
from tests.fakes.github import RemoteGitHub, github_in_thread
from tests.installation import Installation
from tests.integration.scheduler.hub import README, Hub, hub_of


@pytest.fixture
def github() -> Iterator[RemoteGitHub]:
    with github_in_thread() as github:
        yield github


@pytest.fixture
def installation(
    github: RemoteGitHub, home: Path, database_url: str, redis_url: str
) -> Iterator[Installation]:
    """An installation that is connected to GitHub; nothing runs yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    there = Installation(
        home,
        database_url,
        redis_url,
        {
            "GITHUB_TOKEN": github.token,
            "GITHUB_API_URL": github.url,
            "GITHUB_WEBHOOK_SECRET": secrets.token_hex(16),
            "API_PORT": str(port),
        },
    )
    yield there
    there.stop()


async def _heads(hub: Hub) -> dict[object, object]:
    return dict(await hub.rows("SELECT id, head FROM repositories"))  # type: ignore[arg-type]


async def test_what_people_do_on_github_is_known_and_told_at_once_by_webhooks(
    github: RemoteGitHub, installation: Installation
) -> None:
    port = installation.settings["API_PORT"]
    address = f"http://127.0.0.1:{port}"
    secret = installation.settings["GITHUB_WEBHOOK_SECRET"]
    github.app(webhook=f"{address}/github/webhook", secret=secret)
    shop, site = github.create("shop", README), github.create("site", README)
    async with hub_of(github, installation.database_url, installation.redis_url) as hub:
        await hub.project(shop)
        await hub.project(site)
        installation.start("api")
        await until(lambda: _answers(f"{address}/healthz"))
        installation.start("scheduler")
        await until(
            lambda: hub.rows("SELECT 1 FROM timetable WHERE name = 'github_sync' AND outcome = 'succeeded'")
        )
        github.advance(2)

        head = shop.push({"b.py": "b = 2\n"})
        shop.push({"a.py": "a = 1\n"}, "work")
        number = shop.open_pull("work", "Work")
        shop.check(head, "ci", "success")
        shop.run_workflow(head)
        shop.open_issue("It is slow")
        shop.rename("store")
        site.delete()

        async def all_seen() -> bool:
            heads, pulls = await _heads(hub), await hub.pulls(shop)
            return heads[shop.id] == head and [pull.number for pull in pulls] == [number]

        await until(all_seen, within_s=60)
        await until(lambda: _said(hub, 2), within_s=60)
        events = {delivery["event"]: delivery["status_code"] for delivery in github.deliveries()}
        assert {"push", "pull_request", "check_suite", "workflow_run", "issues", "repository"} <= set(events)
        assert set(events.values()) == {202}
        assert sorted(line.split(" is ")[0] for line in await hub.said()) == [
            "The repository ann/site", "The repository of shop",
        ]  # fmt: skip


async def _said(hub: Hub, count: int) -> bool:
    return len(await hub.said()) >= count


async def _answers(address: str) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(address)).status_code == 200
    except httpx.HTTPError:
        return False
