"""Speakers to be killed: each a process that holds the lease and sends, forked from one that has the imports.

    python -m tests.speaker URL_OF_DATABASE URL_OF_TELEGRAM TOKEN PERSON...

prints the id of each speaker when it works, and forks the next one when it has died. A speaker also answers the
people, each again and again, as what answers in its process does: the answer is taken where it is written.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from itertools import cycle

from bot import deferral  # noqa: F401 - aiogram in a quarter of the time

# isort: split
import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from bot import outbox
from bot.outgoing import Words
from bot.pace import Pace
from bot.places import FRONT, Place
from bot.sender import Sender
from shared.database import Database
from shared.lease import Lease
from tests.sending import BRISK


async def speak(database_url: str, telegram_url: str, token: str, *people: str) -> None:
    """Hold the lease, answer and send, for ever."""
    bot = Bot(token, session=AiohttpSession(api=TelegramAPIServer.from_base(telegram_url), timeout=5))
    lease = Lease(database_url, FRONT, holder=str(os.getpid()))
    async with Database(database_url, connections=4) as database, lease.held() as held:
        print(os.getpid(), flush=True)
        # Whoever spoke before is dead, and so are its calls.
        sender = Sender(database, bot, token=held.token, pace=Pace(BRISK), handover_s=0.0)
        async with asyncio.TaskGroup() as together:
            together.create_task(sender.run())
            together.create_task(answer(database, sender, [int(person) for person in people]))


async def answer(database: Database, sender: Sender, people: Sequence[int]) -> None:
    """Say the next answer to one person after the other."""
    for person in cycle(people):
        await asyncio.sleep(0.005)
        reservation = sender.reserve(person)
        if reservation is None:
            continue
        async with database.transaction() as tx:
            cursor = await tx.execute(
                "SELECT count(*) FROM outbox WHERE chat_id = %s AND key LIKE 'answer:%%'", [person]
            )
            [(number,)] = await cursor.fetchall()
            row = await outbox.put(
                tx,
                key=f"answer:{person}:{number}",
                place=Place(person),
                content=Words(text=f"answer {number}"),
                solicited=True,
                token=reservation.token,
            )
        if row is None:
            reservation.release()
        else:
            reservation.send(row)


def main() -> None:
    """Have one speaker at a time, until killed."""
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
    )
    while True:
        child = os.fork()
        if child == 0:
            asyncio.run(speak(*sys.argv[1:]))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
