"""A sender at work against the fake Telegram, and rows for it to send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer

from bot import outbox
from bot.outbox import Row
from bot.outgoing import Outgoing, Words
from bot.pace import Limit, Limits, Pace
from bot.places import FRONT, Place
from bot.sender import Sender
from bot.session import Session
from shared.database import Connection, Database
from tests.engine import until
from tests.fakes.telegram import Group, Person, Telegram, Topic

BRISK = Limits(
    overall=Limit(1000, 1.0),
    chat=Limit(1000, 1.0),
    group=Limit(1000, 1.0),
    progress=Limit(1000, 1.0),
    progress_in_group=Limit(1000, 1.0),
)
"""For tests that are about something else than the pace."""


def bot_of(telegram: Telegram) -> Bot:
    """A bot whose calls go to the fake server."""
    return Bot(telegram.token, session=Session(api=TelegramAPIServer.from_base(telegram.url), timeout=5))


async def next_token(tx: Connection) -> int:
    """Take the lease, as the next speaker does."""
    cursor = await tx.execute(
        """
        INSERT INTO leases (name, token) VALUES (%s, 1)
        ON CONFLICT (name) DO UPDATE SET token = leases.token + 1 RETURNING token
        """,
        [FRONT],
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


def place(chat: Person | Group | Topic | int) -> Place:
    """Where messages to a chat go."""
    match chat:
        case Topic(chat_id=chat_id, id=thread_id):
            return Place(chat_id, thread_id)
        case int():
            return Place(chat)
        case Person(id=chat_id) | Group(id=chat_id):
            return Place(chat_id)


@dataclass
class Speaking:
    """A sender at work."""

    database: Database
    bot: Bot
    token: int
    sender: Sender
    rows: int = 0
    keys: list[str] = field(default_factory=list)

    async def put(
        self,
        chat: Person | Group | Topic | int,
        content: Outgoing | str,
        *,
        key: str | None = None,
        solicited: bool = True,
        **more: Any,  # noqa: ANN401
    ) -> str:
        """Say something; returns its key."""
        self.rows += 1
        key = key or f"row:{self.rows}"
        content = Words(text=content) if isinstance(content, str) else content
        async with self.database.transaction() as tx:
            await outbox.put(tx, key=key, place=place(chat), content=content, solicited=solicited, **more)
        self.sender.wake(place(chat).chat_id)
        return key

    async def stand(
        self,
        chat: Person | Group | Topic | int,
        content: Outgoing | str,
        *,
        key: str,
        solicited: bool = True,
        **more: Any,  # noqa: ANN401
    ) -> bool:
        """Say what should stand under a key from now on."""
        content = Words(text=content) if isinstance(content, str) else content
        async with self.database.transaction() as tx:
            changed = await outbox.stand(
                tx, key=key, place=place(chat), content=content, solicited=solicited, **more
            )
        self.sender.wake(place(chat).chat_id)
        return changed

    async def row(self, key: str) -> Row:
        """The row of a key."""
        async with self.database.connection() as connection:
            row = await outbox.of_key(connection, key)
        assert row is not None
        return row

    async def settled(self, *keys: str, within_s: float = 20) -> list[Row]:
        """Wait until rows stand as they should, or were given up."""

        async def stand() -> list[Row] | None:
            async with self.database.connection() as connection:
                cursor = await connection.execute(
                    """
                    SELECT FROM outbox
                     WHERE key = ANY(%s)
                       AND NOT (status = 'dropped' OR (status = 'sent' AND sent_revision = revision))
                    """,
                    [list(keys)],
                )
                return None if cursor.rowcount else [await self.row(key) for key in keys]

        found = await until(stand, within_s=within_s)
        assert found is not None
        return found


@asynccontextmanager
async def speaking(
    database: Database,
    telegram: Telegram,
    *,
    limits: Limits = BRISK,
    running: bool = True,
    handover_s: float = 0.0,
    groups_in_settings: Sequence[int] | None = None,
) -> AsyncIterator[Speaking]:
    """A sender that holds the lease and works; nobody speaks beside it, unless a handover takes time."""
    bot = bot_of(telegram)
    async with database.transaction() as tx:
        token = await next_token(tx)
    sender = Sender(
        database,
        bot,
        token=token,
        pace=Pace(limits),
        handover_s=handover_s,
        groups_in_settings=groups_in_settings,
    )
    task = asyncio.create_task(sender.run()) if running else None
    try:
        yield Speaking(database, bot, token, sender)
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await bot.session.close()
    if task is not None and not task.cancelled() and (error := task.exception()):
        raise error
