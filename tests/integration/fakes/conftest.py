"""A fake Telegram with a real aiogram bot talking to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot

from tests.fakes.telegram import FakeTelegram, Person
from tests.fakes.telegram.session import bot_for


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
async def bot(telegram: FakeTelegram) -> AsyncIterator[Bot]:
    async with bot_for(telegram) as bot:
        yield bot


@pytest.fixture
def ann(telegram: FakeTelegram) -> Person:
    """Somebody who has started the bot; the bot has confirmed nothing yet."""
    ann = telegram.user(11, "Ann", username="ann")
    ann.say("/start")
    return ann
