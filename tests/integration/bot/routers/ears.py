"""The hearing half of the bot, from Telegram's updates to rows: what is said, and what is to be said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from psycopg.rows import class_row

from bot import outbox
from bot.access import HEARD, Access
from bot.arrived import Arrived
from bot.drafts import Drafts
from bot.files import Files
from bot.handling import Handling
from bot.menu import Menu
from bot.outbox import COLUMNS, Row
from bot.outgoing import Words
from bot.reception import Reception
from bot.reservation import Reservation
from bot.routers import Parts, routers
from graph.conversation import Conversation, Feed, Patience, Services
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.ids import SessionId
from shared.ledger import runs, sessions
from shared.ledger.runs import Run
from shared.live import Live
from tests.fakes.telegram import FakeTelegram, Message
from tests.integration.conversation.chat import Server
from tests.sending import next_token

OWNER, OPERATOR, STRANGER = 1, 2, 3

BRISKLY = Patience(look_every_s=0.01)
"""How logs are followed."""


@dataclass
class Ears:
    """A bot that hears and writes down what it would say."""

    telegram: FakeTelegram
    database: Database
    bot: Bot
    token: int
    """The lease by which it speaks."""
    conversation: Conversation
    access: Access
    reception: Reception
    handling: Handling
    menu: Menu
    drafts: Drafts
    home: Path
    woken: list[int] = field(default_factory=list)
    """The chats for which the sender was woken."""
    kept: list[Reservation] = field(default_factory=list)
    """The chats that are kept for the next answers."""
    delivered: list[SessionId] = field(default_factory=list)
    """The sessions of which the notifier was to bring what is new into the outbox."""
    server: Server = field(default_factory=Server)
    """Where services run."""
    offset: int = 0
    """The number of the update after those that were taken."""

    async def listen(self) -> None:
        """Take what has come, and return once it is handled."""
        await self.take()
        async with asyncio.timeout(20):
            while await self.one("SELECT count(*) FROM inbox WHERE handled_at IS NULL"):
                self.handling.wake()
                await asyncio.sleep(0.01)

    async def take(self) -> None:
        """Take what has come."""
        while updates := await self.bot.get_updates(offset=self.offset, allowed_updates=list(HEARD)):
            self.offset = updates[-1].update_id + 1
            await self.reception.take(updates)

    async def one(self, sql: str, *parameters: object) -> Any:  # noqa: ANN401
        """Return the only value of a query."""
        async with self.database.connection() as connection:
            row = await (await connection.execute(sql, parameters)).fetchone()
        return row[0] if row else None

    async def rows(self) -> list[Row]:
        """Return what stands in the outbox."""
        async with (
            self.database.connection() as connection,
            connection.cursor(row_factory=class_row(Row)) as cursor,
        ):
            await cursor.execute(f"SELECT {COLUMNS} FROM outbox ORDER BY id")
            return await cursor.fetchall()

    async def row(self, key: str) -> Row:
        """Return one row."""
        async with self.database.connection() as connection:
            row = await outbox.of_key(connection, key)
        assert row is not None, f"nothing says {key}"
        return row

    async def words(self) -> list[str]:
        """Return the texts that stand in the outbox."""
        return [row.content.text for row in await self.rows() if isinstance(row.content, Words)]

    async def turns(self, external_key: str) -> list[tuple[str, str]]:
        """Return who said what in a session: the conversation as it is stored."""
        async with self.database.connection() as connection:
            cursor = await connection.execute(
                "SELECT id FROM sessions WHERE external_key = %s", [external_key]
            )
            found = await cursor.fetchone()
            turns = await sessions.turns_after(connection, found[0], 0) if found else []
        return [(turn.author, _said(turn.body)) for turn in turns]

    async def said(self, external_key: str) -> list[str]:
        """Return what people said in a session, as the conversation was told."""
        return [text for author, text in await self.turns(external_key) if author == "person"]

    async def runs(self, external_key: str) -> list[Run]:
        """Return the runs of a session."""
        session_id = await self.one("SELECT id FROM sessions WHERE external_key = %s", external_key)
        async with self.database.connection() as connection:
            return await runs.of_session(connection, session_id) if session_id else []

    async def sent(self, row: Row, message: Message) -> None:
        """Note under which number a row stands in its chat, as the sender would."""
        async with self.database.transaction() as tx:
            await tx.execute(
                "UPDATE outbox SET status = 'sent', sent_revision = revision, message_id = %s WHERE id = %s",
                [message.id, row.id],
            )


@asynccontextmanager
async def open_ears(
    telegram: FakeTelegram,
    database: Database,
    live: Live,
    home: Path,
    *groups: int,
    patience_s: float = 30,
) -> AsyncIterator[Ears]:
    """Let a bot hear people, and groups if they are let in; it waits so long for a file before it goes on."""
    bot = Bot(telegram.token, session=AiohttpSession(api=TelegramAPIServer.from_base(telegram.url)))
    async with database.transaction() as tx:
        token = await next_token(tx)
    server = Server()
    conversation = Conversation(
        database, live, Services(catalogue=catalogue, reader=server, patience=BRISKLY)
    )
    access = Access(database, [OWNER, OPERATOR, *groups])
    menu = Menu(bot)
    woken: list[int] = []
    kept: list[Reservation] = []
    delivered: list[SessionId] = []
    drafts = Drafts(database, bot, wake_sender=woken.append, draft_every_s=0.01, edit_every_s=0.01)

    files = Files(bot, home, patience_s=patience_s)

    async def deliver(session_id: SessionId) -> None:
        delivered.append(session_id)

    parts = Parts(
        database=database,
        bot=bot,
        token=token,
        conversation=conversation,
        feed=Feed(database, live),
        menu=menu,
        drafts=drafts,
        files=files,
        wake_sender=woken.append,
        reserve=lambda _: kept.pop() if kept else None,
        deliver=deliver,
    )
    dispatcher = Dispatcher()
    dispatcher.include_routers(*routers(parts))

    async def handle(arrived: Arrived) -> None:
        await dispatcher.feed_update(bot, arrived.update, arrived=arrived)

    handling = Handling(database, bot, handle, wake_sender=woken.append)
    reception = Reception(database, access, wake=handling.wake)
    await access.refresh()
    async with asyncio.TaskGroup() as together:
        running = together.create_task(handling.run())
        yield Ears(
            telegram,
            database,
            bot,
            token,
            conversation,
            access,
            reception,
            handling,
            menu,
            drafts,
            home,
            woken,
            kept,
            delivered,
            server,
        )
        running.cancel()
        await menu.close()
    await files.close()
    await bot.session.close()


def _said(body: dict[str, Any]) -> str:
    if decision := body.get("decision"):
        return f"[{decision['choice']}]"
    if "text" in body:
        return str(body["text"])
    return " ".join(block["text"] for block in body.get("blocks", []) if "text" in block)
