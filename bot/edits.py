"""A message that was changed before anybody read it: the newest version counts.

Once a message was handled, an edit of it changes nothing, and nothing is said about
it: what was asked for is stored, perhaps under way, and clients also edit messages
for reasons of their own, as when they load a link's preview. Who wants something else
says it anew. But where the bot was away for a while, both versions wait in the inbox.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiogram.types import Message

from bot.arrived import Arrived
from bot.places import FRONT
from shared.database import Connection, Database

_FRESH_S = 2.0
"""Nobody has edited a message within this time: no need to look."""

_NEAR = 2_000
"""Rows of the inbox after a message's own, among which its edits are looked for."""


async def newest(database: Database, arrived: Arrived, message: Message) -> Message:
    """Return a message as its sender last left it."""
    if (datetime.now(UTC) - message.date).total_seconds() < _FRESH_S:
        return message
    async with database.connection() as connection:
        return await _edited(connection, arrived, message) or message


async def _edited(tx: Connection, arrived: Arrived, message: Message) -> Message | None:
    # Index: the primary key. An edit counts also when it is handled: nothing is done about one by itself,
    # and it passes its message where that steps aside.
    cursor = await tx.execute(
        """
        SELECT payload -> 'edited_message' FROM inbox
         WHERE front = %(front)s AND id > %(after)s AND id <= %(after)s + %(near)s AND user_id = %(user_id)s
           AND payload #>> '{edited_message,message_id}' = %(message_id)s
           AND payload #>> '{edited_message,chat,id}' = %(chat_id)s
         ORDER BY id DESC LIMIT 1
        """,
        {
            "front": FRONT,
            "after": arrived.inbox_id,
            "near": _NEAR,
            "user_id": arrived.user.id,
            "message_id": str(message.message_id),
            "chat_id": str(message.chat.id),
        },
    )
    row = await cursor.fetchone()
    return Message.model_validate(row[0]) if row else None
