"""The bot's parts, put together."""

from __future__ import annotations

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from service import health
from service.drain import Drain
from service.handlers import router

DRAIN_S = 8
"""Less than stop_timeout_s in deploy.yaml, together with the end of polling."""


async def run(token: str, *, api_url: str, port: int) -> None:
    """Answer messages until SIGTERM or SIGINT."""
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(api_url)))
    heartbeat = health.Heartbeat()
    bot.session.middleware(heartbeat)

    drain = Drain()
    dispatcher = Dispatcher()
    dispatcher.update.outer_middleware(drain)
    dispatcher.include_router(router())

    async with bot.session, health.serve(heartbeat, port):
        await dispatcher.start_polling(bot, close_bot_session=False)
        heartbeat.stop()
        await drain.wait(DRAIN_S)
