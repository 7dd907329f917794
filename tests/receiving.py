"""What tests of the way in need: updates, a reception, and a look at the inbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiogram.types import Update
from psycopg.rows import class_row

from bot.access import Access
from bot.reception import Reception
from shared.database import Database
from shared.outages import outlast

OWNER_ID = 1
"""Who `reception` lets in, first."""
GUEST_ID = 2
GROUP_ID = -5


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the inbox."""

    id: int
    external_id: str
    external_key: str
    user_id: str
    payload: dict[str, Any]
    attempts: int
    error: str | None
    handled: bool


class Inbox:
    """A look at Telegram's part of the inbox, and at what is answered."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def rows(self) -> list[Row]:
        """All of it, in the order in which it was stored."""
        async with (
            self.database.connection() as connection,
            connection.cursor(row_factory=class_row(Row)) as cursor,
        ):
            await cursor.execute(
                """
                SELECT inbox.id, external_id, external_key, user_id, payload, attempts, error,
                       handled_at IS NOT NULL AS handled
                  FROM inbox JOIN sessions ON sessions.id = session_id ORDER BY inbox.id
                """
            )
            return await cursor.fetchall()

    async def texts(self) -> list[str]:
        """What was said."""
        return [row.payload["message"]["text"] for row in await self.rows()]

    async def has(self, number: int) -> bool:
        """Whether so many rows are there."""
        return len(await self.rows()) >= number

    async def all_handled(self) -> bool:
        return all(row.handled for row in await self.rows())

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        async with self.database.connection() as connection:
            row = await (await connection.execute(f"SELECT count(*) FROM {table}")).fetchone()
        assert row is not None
        return int(row[0])

    async def outbox(self) -> list[dict[str, Any]]:
        """What is to be said, in order."""
        async with self.database.connection() as connection:
            cursor = await connection.execute("SELECT content FROM outbox ORDER BY id")
            return [content for (content,) in await cursor.fetchall()]


async def reception(
    database: Database,
    *,
    allowed: tuple[int, ...] = (OWNER_ID, GUEST_ID, GROUP_ID),
    wake: Callable[[], None] = lambda: None,
) -> Reception:
    """Return a reception that lets these in."""
    access = Access(database, allowed)
    await outlast(access.refresh)
    return Reception(database, access, wake=wake)


def private(person: int = OWNER_ID) -> dict[str, Any]:
    """A person's chat with the bot."""
    return {"id": person, "type": "private", "first_name": f"Person {person}"}


def group(chat_id: int = GROUP_ID) -> dict[str, Any]:
    """A group."""
    return {"id": chat_id, "type": "supergroup", "title": "Group"}


def sender(person: int = OWNER_ID, *, is_bot: bool = False) -> dict[str, Any]:
    """Somebody who sends something."""
    return {"id": person, "is_bot": is_bot, "first_name": f"Person {person}"}


def message(
    number: int = 1,
    text: str = "hello",
    *,
    person: int = OWNER_ID,
    **more: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """A message as it stands in an update."""
    given = {
        "message_id": number,
        "date": 1_790_000_000,
        "chat": private(person),
        "from": sender(person),
        "text": text,
    }
    return {name: value for name, value in {**given, **more}.items() if value is not None}


def said(
    number: int = 1,
    text: str = "hello",
    *,
    person: int = OWNER_ID,
    **more: Any,  # noqa: ANN401
) -> Update:
    """An update that brings a message."""
    return Update.model_validate(
        {"update_id": number, "message": message(number, text, person=person, **more)}
    )


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """Do something beside the block, and stop it at its end; what it fails with is raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
