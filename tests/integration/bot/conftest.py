"""A database, a fake Telegram and the bot's connection to it, for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot import deferral  # noqa: F401 - aiogram in a quarter of the time

# isort: split
import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot.session import Session
from shared.database import Database
from tests.fakes.telegram import FakeTelegram
from tests.receiving import Inbox


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=8) as database:
        yield database


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    session = Session(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot(telegram.token, session=session) as bot:
        yield bot


@pytest.fixture
def inbox(database: Database) -> Inbox:
    return Inbox(database)
