"""A Telegram without the internet: a session that answers from memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.methods import GetMe, SendMessage, TelegramMethod
from aiogram.types import Chat, Message, Update, User

from service.handlers import router

# In the form of a token, made up here, and never sent anywhere.
TOKEN = "42:" + "T" * 35


class Telegram(BaseSession):
    """Answers the bot's requests and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[SendMessage] = []

    async def close(self) -> None:
        """There is nothing to close."""

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:
        if isinstance(method, SendMessage):
            self.sent.append(method)
            chat = Chat(id=int(method.chat_id), type="private")
            return Message(message_id=1, date=datetime.now(UTC), chat=chat, text=method.text)
        if isinstance(method, GetMe):
            return User(id=42, is_bot=True, first_name="Bot", username="a_bot")
        raise NotImplementedError(type(method).__name__)

    async def stream_content(self, *args: Any, **kwargs: Any) -> AsyncGenerator[bytes, None]:
        """Files are no part of this Telegram."""
        raise NotImplementedError
        yield b""


class Conversation:
    """A person who writes to the bot."""

    def __init__(self) -> None:
        self.telegram = Telegram()
        self.bot = Bot(TOKEN, session=self.telegram)
        self.dispatcher = Dispatcher()
        self.dispatcher.include_router(router())

    async def say(self, text: str) -> list[str]:
        """Send a text, and return what the bot answered."""
        self.telegram.sent.clear()
        message = Message(
            message_id=1,
            date=datetime.now(UTC),
            chat=Chat(id=7, type="private"),
            from_user=User(id=7, is_bot=False, first_name="Ada"),
            text=text,
        )
        await self.dispatcher.feed_update(self.bot, Update(update_id=1, message=message))
        return [sent.text for sent in self.telegram.sent]


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()
