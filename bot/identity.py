"""Which bot the database has spoken as: Telegram numbers updates and messages for each bot anew."""

from __future__ import annotations

import structlog
from psycopg.rows import tuple_row

from bot import chats
from bot.places import FRONT, READER
from shared.database import Connection

_STREAM = "bot"
"""The cursor that keeps the bot's id, which never changes with its token."""

log = structlog.get_logger(__name__)


async def recognise(tx: Connection, bot_id: int) -> None:
    """Go on as this bot. After another one, forget what only held for that.

    What was said to the other and is not handled is put aside, its updates' numbers are free for
    this one's, and no message of it is edited: what changes about them is said anew.

    Args:
        tx: A transaction of its own, before anything is received or sent.
        bot_id: The number in front of the token's colon.
    """
    before = await _exchange(tx, bot_id)
    if before in {None, bot_id}:
        return
    await tx.execute(
        """
        UPDATE inbox SET handled_at = now(), error = 'it was said to another bot'
         WHERE front = %s AND handled_at IS NULL
        """,
        [FRONT],
    )
    await tx.execute(
        "UPDATE inbox SET external_id = %s || ':' || external_id WHERE front = %s AND external_id NOT LIKE '%%:%%'",
        [str(before), FRONT],
    )
    await chats.forget_messages(tx)
    log.warning("bot.changed", before=before, now=bot_id)


async def _exchange(tx: Connection, bot_id: int) -> int | None:
    """Note the bot, and return the one before it."""
    async with tx.cursor(row_factory=tuple_row) as cursor:
        # Several processes may start at once: the first one's row makes the others wait.
        await cursor.execute(
            """
            WITH before AS (
                SELECT position FROM cursors WHERE reader = %(reader)s AND stream = %(stream)s FOR UPDATE
            ), noted AS (
                INSERT INTO cursors (reader, stream, position) VALUES (%(reader)s, %(stream)s, %(bot_id)s)
                ON CONFLICT (reader, stream) DO UPDATE SET position = excluded.position
            )
            SELECT position FROM before
            """,
            {"reader": READER, "stream": _STREAM, "bot_id": bot_id},
        )
        row = await cursor.fetchone()
    return row[0] if row else None
