"""What is known of the topics of forums and private chats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg.rows import class_row

from bot.chats import OPEN
from bot.places import Place
from shared.database import Connection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of a forum or of a private chat."""

    chat_id: int
    thread_id: int
    name: str
    opened_for: str | None
    gone_at: datetime | None


async def opened(
    tx: Connection, chat_id: int, thread_id: int, *, name: str, opened_for: str | None = None
) -> None:
    """Note a topic, or its new name.

    Args:
        tx: The transaction to write in.
        chat_id: Its chat.
        thread_id: Its number there.
        name: What it is called.
        opened_for: What made the bot open it, so that the same thing does not open a second one.
    """
    await tx.execute(
        """
        INSERT INTO telegram_topics AS topics (chat_id, thread_id, name, opened_for)
        VALUES (%(chat_id)s, %(thread_id)s, %(name)s, %(opened_for)s)
        ON CONFLICT (chat_id, thread_id) DO UPDATE
           SET name = excluded.name, opened_for = coalesce(topics.opened_for, excluded.opened_for),
               gone_at = NULL
        """,
        {"chat_id": chat_id, "thread_id": thread_id, "name": name, "opened_for": opened_for},
    )


async def opened_for(tx: Connection, opened_for: str) -> Topic | None:
    """Return the topic that the bot has opened for something."""
    return await _topic(tx, "opened_for = %(opened_for)s", {"opened_for": opened_for})


async def get(tx: Connection, chat_id: int, thread_id: int) -> Topic | None:
    """Return a topic that is known."""
    return await _topic(
        tx,
        "chat_id = %(chat_id)s AND thread_id = %(thread_id)s",
        {"chat_id": chat_id, "thread_id": thread_id},
    )


async def met(tx: Connection, place: Place) -> None:
    """Note that somebody wrote in a topic: it is there, whatever was heard of it before."""
    await tx.execute(
        "UPDATE telegram_topics SET gone_at = NULL WHERE chat_id = %s AND thread_id = %s AND gone_at IS NOT NULL",
        [place.chat_id, place.thread_id],
    )


async def gone(tx: Connection, chat_id: int, thread_id: int) -> None:
    """Note that a topic was deleted; what was on its way there goes to the chat itself."""
    await tx.execute(
        """
        INSERT INTO telegram_topics (chat_id, thread_id, gone_at) VALUES (%(chat_id)s, %(thread_id)s, now())
        ON CONFLICT (chat_id, thread_id) DO UPDATE SET gone_at = now()
        """,
        {"chat_id": chat_id, "thread_id": thread_id},
    )
    # Index: outbox_open.
    await tx.execute(
        f"UPDATE outbox SET thread_id = NULL WHERE chat_id = %(chat_id)s AND thread_id = %(thread_id)s AND {OPEN}",
        {"chat_id": chat_id, "thread_id": thread_id},
    )
    log.info("topic.lost", chat_id=chat_id, thread_id=thread_id)


async def _topic(tx: Connection, condition: str, parameters: dict[str, object]) -> Topic | None:
    async with tx.cursor(row_factory=class_row(Topic)) as cursor:
        await cursor.execute(
            f"SELECT chat_id, thread_id, name, opened_for, gone_at FROM telegram_topics WHERE {condition}",
            parameters,
        )
        return await cursor.fetchone()
