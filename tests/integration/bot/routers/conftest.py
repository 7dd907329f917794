"""A fake Telegram, and a bot that hears what is said there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.notifier import Notifier
from graph.conversation import Feed
from shared.database import Database
from shared.live import Live
from tests.fakes.telegram import FakeTelegram, Group, Person
from tests.integration.bot.routers.ears import OPERATOR, OWNER, Ears, open_ears


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    async with Live(redis_url) as live:
        yield live


@pytest.fixture
def owner(telegram: FakeTelegram) -> Person:
    return telegram.user(OWNER, "Olga")


@pytest.fixture
def operator(telegram: FakeTelegram) -> Person:
    return telegram.user(OPERATOR, "Otto")


@pytest.fixture
def group(telegram: FakeTelegram, owner: Person, operator: Person) -> Group:
    return telegram.supergroup("Team", owner, operator, bot_is_admin=False)


@pytest.fixture
def forum(telegram: FakeTelegram, owner: Person, operator: Person) -> Group:
    return telegram.forum("Work", owner, operator)


@pytest.fixture
async def ears(
    telegram: FakeTelegram,
    database: Database,
    live: Live,
    tmp_path: Path,
    group: Group,
    forum: Group,
) -> AsyncIterator[Ears]:
    """A bot that hears two people, a group and a forum."""
    async with open_ears(telegram, database, live, tmp_path, group.id, forum.id) as ears:
        yield ears


@pytest.fixture
async def notifier(ears: Ears, database: Database, live: Live, group: Group, forum: Group) -> Notifier:
    """A notifier that tells when it is asked to."""
    return Notifier(
        database,
        live,
        Feed(database, live),
        bot=ears.bot,
        token=ears.token,
        wake_sender=ears.woken.append,
        follow=lambda _: None,
        groups_in_settings=[group.id, forum.id],
    )
