"""Speakers to be killed: each a process that holds the lease and sends, forked from one that has the imports.

    python -m tests.speaker URL_OF_DATABASE URL_OF_TELEGRAM TOKEN

prints the id of each speaker when it works, and forks the next one when it has died.
"""

from __future__ import annotations

import asyncio
import os
import sys

from bot import deferral  # noqa: F401 - aiogram in a quarter of the time

# isort: split
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot.pace import Pace
from bot.places import FRONT
from bot.sender import Sender
from shared.database import Database
from shared.lease import Lease
from tests.sending import BRISK


async def speak(database_url: str, telegram_url: str, token: str) -> None:
    """Hold the lease and send, for ever."""
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(telegram_url), timeout=5))
    lease = Lease(database_url, FRONT, holder=str(os.getpid()))
    async with Database(database_url, connections=4) as database, lease.held() as held:
        print(os.getpid(), flush=True)
        # Whoever spoke before is dead, and so are its calls.
        await Sender(database, bot, token=held.token, pace=Pace(BRISK), handover_s=0.0).run()


def main() -> None:
    """Have one speaker at a time, until killed."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
    )
    while True:
        child = os.fork()
        if child == 0:
            asyncio.run(speak(*sys.argv[1:4]))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
