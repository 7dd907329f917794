"""A process that polls while it holds the speaker's lease: `python -m tests.poller URL TOKEN`."""

from __future__ import annotations

import asyncio
import os
import sys

from bot import deferral  # noqa: F401 - aiogram in a quarter of the time

# isort: split
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.polling import Polling
from shared.database import Database
from shared.lease import Lease
from tests.receiving import reception


async def main(url: str, token: str) -> None:
    """Poll when it is our turn; say so on standard output."""
    database_url = os.environ["DATABASE_URL"]
    session = AiohttpSession(api=TelegramAPIServer.from_base(url))
    async with (
        Bot(token, session=session) as bot,
        Database(database_url, connections=3) as database,
        Lease(database_url, "telegram", holder=str(os.getpid())).held() as held,
    ):
        print(f"speaks {held.token}", flush=True)
        await Polling(bot, await reception(database)).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
