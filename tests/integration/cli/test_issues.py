"""What `telewright chat` is made of reads issues as the settings say, and goes to GitHub only when it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

import pytest

from cli.chat import Room, open_room
from cli.issues import open_issues
from graph.conversation import IssueReader, Message
from infrastructure.embedded import Endpoints
from infrastructure.forge import Repository
from shared.ledger import projects
from shared.settings import Settings
from tests.fakes.github import FakeGitHub, Project


@pytest.fixture
async def github() -> AsyncIterator[FakeGitHub]:
    async with FakeGitHub() as github:
        yield github


@pytest.fixture
def shop(github: FakeGitHub) -> Project:
    shop = github.create("shop")
    shop.open_issue("It breaks", by="bob")
    return shop


@pytest.fixture
def connected(settings: Settings, github: FakeGitHub) -> Settings:
    connection = {"github_token": github.token, "github_api_url": github.url}
    return Settings(**{**settings.model_dump(exclude_unset=True), "_env_file": None, **connection})


async def ask(room: Room, shop: Project) -> str:
    async with room.database.transaction() as tx:
        project = await projects.create(
            tx,
            name="shop",
            blueprint="web-service",
            description="",
            owner_id=room.user.id,
            session_id=room.session.id,
        )
        await projects.set_repository(tx, project.id, asdict(repository_of(shop)))
    question = Message(
        front="terminal", external_id="1", session_id=room.session.id, user=room.user, text="/issues shop"
    )
    [reply] = await room.conversation.receive(question)
    return reply.plain


def repository_of(shop: Project) -> Repository:
    return Repository("shop", shop.clone_url, shop.id)


async def test_a_conversation_asks_the_github_of_the_settings(
    connected: Settings, github: FakeGitHub, shop: Project
) -> None:
    assert connected.database_url is not None
    assert connected.redis_url is not None
    parts = Endpoints(connected.database_url.get_secret_value(), connected.redis_url.get_secret_value())
    async with open_room(connected, parts, None) as room:
        assert github.requests() == []
        told = await ask(room, shop)

    assert "shop has 1 open issue:" in told
    assert "It breaks" in told


async def test_those_who_ask_first_at_once_are_all_answered(connected: Settings, shop: Project) -> None:
    async def number(reader: IssueReader) -> int:
        found = await reader.open_issues(repository_of(shop), most=5)
        return len(found.newest)

    with open_issues(connected) as reader:
        assert reader is not None
        assert await asyncio.gather(*(number(reader) for _ in range(3))) == [1, 1, 1]


def test_nothing_reads_issues_where_github_is_not_set_up(settings: Settings) -> None:
    with open_issues(settings) as reader:
        assert reader is None
