"""Several files that somebody sent at once: Telegram makes a message of each, and they are one thing to say."""

from __future__ import annotations

import asyncio

from aiogram.types import Message

from bot.arrived import Arrived
from bot.places import FRONT
from shared.database import Connection, Database

_TOGETHER_S = 0.5
"""The messages of an album come one after the other; nothing says which one is the last."""

_NEAR = 500
"""Rows of the inbox before and after one, among which the others of its album are."""


async def album_of(database: Database, arrived: Arrived, message: Message) -> list[Message]:
    """Return the messages of an album, of which the first that is handled speaks for all.

    The others count as handled with it, also if we are killed before its answer is stored: it takes
    them up again. One that comes much later than the rest stands for itself.

    Returns:
        A message that is no album alone; nothing for one that went with the others.
    """
    if message.media_group_id is None:
        return [message]
    async with database.connection() as connection:
        if await _went_with_others(connection, arrived):
            return []
    if not arrived.again:
        await asyncio.sleep(_TOGETHER_S)
    async with database.transaction() as tx:
        if await _was_spoken_for(tx, arrived, message):
            return [message]
        return await _gather(tx, arrived, message)


async def _went_with_others(tx: Connection, arrived: Arrived) -> bool:
    cursor = await tx.execute("SELECT handled_at IS NOT NULL FROM inbox WHERE id = %s", [arrived.inbox_id])
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _was_spoken_for(tx: Connection, arrived: Arrived, message: Message) -> bool:
    """Whether another message of the album was said in its name before this one came."""
    cursor = await tx.execute(
        f"""
        SELECT EXISTS (SELECT FROM inbox JOIN turns ON turns.inbox_id = inbox.id AND author = 'person'
                        WHERE {_OF_ALBUM} AND inbox.id <> %(id)s)
        """,
        _where(arrived, message),
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def _gather(tx: Connection, arrived: Arrived, message: Message) -> list[Message]:
    cursor = await tx.execute(
        f"""
        WITH together AS (SELECT inbox.id, payload FROM inbox WHERE {_OF_ALBUM}),
             spoken_for AS (UPDATE inbox SET handled_at = COALESCE(handled_at, now())
                             WHERE id IN (SELECT id FROM together) AND id <> %(id)s)
        SELECT payload -> 'message' FROM together ORDER BY (payload ->> 'update_id')::bigint
        """,
        _where(arrived, message),
    )
    return [Message.model_validate(row[0]) for row in await cursor.fetchall()]


_OF_ALBUM = """
    inbox.front = %(front)s AND inbox.id BETWEEN %(id)s - %(near)s AND %(id)s + %(near)s
    AND inbox.payload #>> '{message,chat,id}' = %(chat_id)s
    AND inbox.payload #>> '{message,media_group_id}' = %(album)s
"""
"""By the inbox's primary key. Not by session: the one that speaks for all may have moved to a topic's, alone."""


def _where(arrived: Arrived, message: Message) -> dict[str, object]:
    return {
        "front": FRONT,
        "id": arrived.inbox_id,
        "near": _NEAR,
        "chat_id": str(message.chat.id),
        "album": message.media_group_id,
    }
