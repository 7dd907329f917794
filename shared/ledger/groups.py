"""Telegram groups in which people who are let in may talk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import UserId

LET_IN: Final = """
    WITH RECURSIVE let_in AS (
        (SELECT unnest(%(groups_in_settings)s::bigint[]) AS id UNION SELECT chat_id FROM telegram_groups)
         UNION
        SELECT moved_to FROM telegram_chats JOIN let_in ON chat_id = id WHERE moved_to IS NOT NULL
    )
    SELECT id FROM let_in
"""
"""The groups that are let in: by an owner, or by the settings, under whatever id they have since."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group that an owner has let in."""

    chat_id: int
    title: str
    """What it is called, once it was met."""
    allowed_by: UserId
    allowed_at: datetime


async def let_in(tx: Connection, chat_id: int, *, by: UserId) -> bool:
    """Let a group in; say whether that changed anything."""
    cursor = await tx.execute(
        "INSERT INTO telegram_groups (chat_id, allowed_by) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [chat_id, by],
    )
    return cursor.rowcount == 1


async def let_go(tx: Connection, chat_id: int) -> bool:
    """Listen in a group no more; say whether that changed anything."""
    cursor = await tx.execute("DELETE FROM telegram_groups WHERE chat_id = %s", [chat_id])
    return cursor.rowcount == 1


async def moved(tx: Connection, old: int, new: int) -> None:
    """Let a group be in under the id that it has got as a supergroup."""
    await tx.execute(
        """
        WITH left_behind AS (DELETE FROM telegram_groups WHERE chat_id = %(old)s RETURNING *)
        INSERT INTO telegram_groups (chat_id, allowed_by, allowed_at)
        SELECT %(new)s, allowed_by, allowed_at FROM left_behind
        ON CONFLICT DO NOTHING
        """,
        {"old": old, "new": new},
    )


async def all_of_them(tx: Connection) -> list[Group]:
    """Return the groups that were let in by command, the oldest first."""
    async with tx.cursor(row_factory=class_row(Group)) as cursor:
        await cursor.execute(
            """
            SELECT telegram_groups.chat_id, COALESCE(title, '') AS title, allowed_by, allowed_at
              FROM telegram_groups LEFT JOIN telegram_chats ON telegram_chats.chat_id = telegram_groups.chat_id
             ORDER BY allowed_at, telegram_groups.chat_id
            """
        )
        return await cursor.fetchall()
