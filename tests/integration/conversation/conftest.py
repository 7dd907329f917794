"""A conversation on a real database, and people who talk in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from graph.conversation import Conversation, Feed, Services
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.live import Live
from tests.integration.conversation.chat import Chat, Person, Server


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=6) as database:
        yield database


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    async with Live(redis_url) as live:
        yield live


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def conversation(database: Database, live: Live, server: Server) -> Conversation:
    return Conversation(database, live, Services(catalogue=catalogue, reader=server))


@pytest.fixture
def feed(database: Database, live: Live) -> Feed:
    return Feed(database, live)


@pytest.fixture
def chat(database: Database, live: Live, conversation: Conversation) -> Chat:
    return Chat(database, live, conversation)


@pytest.fixture
async def owner(chat: Chat) -> Person:
    return await chat.person()
