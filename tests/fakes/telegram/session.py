"""A real aiogram bot for a fake Telegram."""

from __future__ import annotations

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from tests.fakes.telegram.front import Telegram


class LoopbackSession(AiohttpSession):
    """Closes at once: aiogram waits a quarter of a second for TLS connections, of which there are none."""

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None and not self._session.closed:
            await self._session.close()


def bot_for(telegram: Telegram, token: str | None = None) -> Bot:
    """A bot that talks to this Telegram; close it with `async with`."""
    api = TelegramAPIServer.from_base(telegram.url)
    return Bot(token or telegram.token, session=LoopbackSession(api=api))
