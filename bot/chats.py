"""What is known of Telegram's chats: whether they can be written to, and where they went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import structlog
from aiogram.enums import ChatType
from aiogram.types import Chat as TelegramChat
from psycopg.rows import class_row, tuple_row

from bot.outbox import PROGRESS
from bot.places import FRONT
from shared.database import Connection
from shared.ledger import expiry

FIRST_SUPERGROUP: Final = -1_000_000_000_000
"""Ids of supergroups are below it; those of basic groups are between it and 0."""

_AWAITED_S: Final = 3600.0
"""How long somebody may still want the answer to what they said, where the bot was blocked meanwhile."""

log = structlog.get_logger(__name__)


class ChatKind(StrEnum):
    """What a chat is, as far as it matters to the bot."""

    PRIVATE = "private"
    GROUP = "group"
    SUPERGROUP = "supergroup"
    FORUM = "forum"


class ChatState(StrEnum):
    """Whether the bot can write there."""

    OPEN = "open"
    BLOCKED = "blocked"
    """Somebody does not want to hear from the bot now; what is worth it waits."""
    GONE = "gone"
    """There is nobody to hear it."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as it was met."""

    chat_id: int
    kind: ChatKind
    title: str
    state: ChatState
    moved_to: int | None
    last_message_id: int
    paused_until: datetime | None

    def __post_init__(self) -> None:
        """Parse what comes from the database as text."""
        object.__setattr__(self, "kind", ChatKind(self.kind))
        object.__setattr__(self, "state", ChatState(self.state))


def is_group(chat_id: int) -> bool:
    """Return whether a chat has several people in it; Telegram gives groups negative ids."""
    return chat_id < 0


def counts_alone(chat_id: int) -> bool:
    """Return whether a chat numbers its messages by itself.

    Supergroups do. All private chats and basic groups of a bot share one counter.
    """
    return chat_id < FIRST_SUPERGROUP


async def get(tx: Connection, chat_id: int) -> Chat | None:
    """Return a chat that was met."""
    async with tx.cursor(row_factory=class_row(Chat)) as cursor:
        await cursor.execute(
            """
            SELECT chat_id, kind, title, state, moved_to, last_message_id, paused_until
              FROM telegram_chats WHERE chat_id = %s
            """,
            [chat_id],
        )
        return await cursor.fetchone()


async def met(tx: Connection, newest: Iterable[tuple[TelegramChat, int | None]]) -> None:
    """Note the chats that something came from.

    Args:
        tx: The transaction that stores what came.
        newest: The chats as Telegram describes them, each once; with the newest message that somebody wrote
            there, which shows that the chat is open, or None where there is none.
    """
    # In one order, so that two who meet the same chats wait for one another and not in a ring.
    newest = sorted(newest, key=lambda one: one[0].id)
    async with tx.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            """
            INSERT INTO telegram_chats AS chats (chat_id, kind, title, last_message_id)
            SELECT * FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(titles)s::text[], %(message_ids)s::bigint[])
            ON CONFLICT (chat_id) DO UPDATE
               SET kind = excluded.kind, title = excluded.title, updated_at = now(),
                   last_message_id = greatest(chats.last_message_id, excluded.last_message_id)
            RETURNING chat_id, state
            """,
            {
                "ids": [chat.id for chat, _ in newest],
                "kinds": [_kind(chat) for chat, _ in newest],
                "titles": [chat.title or chat.full_name for chat, _ in newest],
                "message_ids": [message_id or 0 for _, message_id in newest],
            },
        )
        closed = {chat_id for chat_id, state in await cursor.fetchall() if state != ChatState.OPEN}
    for chat, message_id in newest:
        if message_id is not None and chat.id in closed:
            await opened(tx, chat.id)


async def opened(tx: Connection, chat_id: int) -> None:
    """Note that a chat can be written to again, and let what waited for that be sent.

    Where the bot was put out, questions that nobody has answered are put anew: they were dropped,
    or stand where nobody has looked since. Where it was blocked, nobody waits any more for answers to
    what was said long ago, questions aside.
    """
    before = await get(tx, chat_id)
    if before is not None and before.state is ChatState.GONE:
        await tx.execute(
            f"""
            UPDATE outbox SET status = 'pending', message_id = NULL, sent_revision = 0, due_at = now()
             WHERE chat_id = %s AND status IN ('sent', 'dropped') AND {_UNANSWERED}
            """,
            [chat_id],
        )
    if before is not None and before.state is ChatState.BLOCKED:
        await tx.execute(
            f"""
            UPDATE outbox SET status = 'dropped'
             -- Index: outbox_open.
             WHERE chat_id = %s AND status = 'pending' AND due_at = 'infinity' AND solicited
               AND created_at < now() - make_interval(secs => %s) AND NOT {_UNANSWERED}
            """,
            [chat_id, _AWAITED_S],
        )
    await _set_state(tx, chat_id, ChatState.OPEN)
    await tx.execute(
        "UPDATE outbox SET due_at = now() WHERE chat_id = %s AND due_at = 'infinity'",
        [chat_id],
    )
    log.info("chat.opened", chat_id=chat_id)


async def blocked(tx: Connection, chat_id: int, reason: str) -> None:
    """Note that nobody wants to hear from the bot there now.

    What was on its way waits for the chat to open; progress and answers to button presses, which
    mean nothing later, are dropped.
    """
    await _set_state(tx, chat_id, ChatState.BLOCKED)
    # Index: outbox_open.
    await tx.execute(
        f"""
        UPDATE outbox
           SET status = CASE WHEN status = 'sent' THEN 'sent'
                             WHEN key LIKE %(progress)s OR content ->> 'type' = 'toast' THEN 'dropped'
                             ELSE 'pending' END,
               due_at = 'infinity', error = %(reason)s
         WHERE chat_id = %(chat_id)s AND {OPEN}
        """,
        {"chat_id": chat_id, "reason": reason, "progress": f"{PROGRESS}%"},
    )
    log.warning("chat.blocked", chat_id=chat_id, reason=reason)


async def gone(tx: Connection, chat_id: int, reason: str) -> None:
    """Note that there is no such chat any more, and drop what was on its way there.

    What is asked there is put to those who may answer it elsewhere.
    """
    before = await get(tx, chat_id)
    if before is None or before.state is not ChatState.GONE:
        await expiry.remind_of_chat(tx, FRONT, str(chat_id))
    await _set_state(tx, chat_id, ChatState.GONE)
    # Index: outbox_open.
    await tx.execute(
        f"""
        UPDATE outbox
           SET status = CASE WHEN status = 'sent' THEN 'sent' ELSE 'dropped' END,
               sent_revision = CASE WHEN status = 'sent' THEN revision ELSE sent_revision END,
               error = %(reason)s
         WHERE chat_id = %(chat_id)s AND {OPEN}
        """,
        {"chat_id": chat_id, "reason": reason},
    )
    log.warning("chat.lost", chat_id=chat_id, reason=reason)


async def moved(tx: Connection, old: int, new: int) -> None:
    """Follow a group that has become a supergroup: its rows, topics and sessions get the new id.

    Messages of the old group cannot be edited from the new one, so they are forgotten: what changes
    about them is said there anew. Questions that are still open are put there anew at once, since
    their buttons have stayed behind.
    """
    await tx.execute(
        """
        INSERT INTO telegram_chats (chat_id, kind, title)
        SELECT %(new)s, 'supergroup', coalesce((SELECT title FROM telegram_chats WHERE chat_id = %(old)s), '')
        ON CONFLICT (chat_id) DO UPDATE SET state = 'open', updated_at = now()
        """,
        {"old": old, "new": new},
    )
    await tx.execute(
        """
        INSERT INTO telegram_chats (chat_id, kind, state, moved_to) VALUES (%(old)s, 'group', 'gone', %(new)s)
        ON CONFLICT (chat_id) DO UPDATE SET state = 'gone', moved_to = %(new)s, updated_at = now()
        """,
        {"old": old, "new": new},
    )
    await tx.execute(
        f"""
        UPDATE outbox
           SET chat_id = %(new)s, message_id = NULL, thread_id = NULL,
               status = CASE WHEN status = 'sending' OR {_ASKED} THEN 'pending' ELSE status END,
               sent_revision = CASE WHEN {_ASKED} THEN 0 ELSE sent_revision END,
               due_at = CASE WHEN due_at = 'infinity' THEN now() ELSE due_at END
         WHERE chat_id = %(old)s
        """,
        {"old": old, "new": new},
    )
    await tx.execute(
        """
        UPDATE telegram_topics AS topic SET chat_id = %(new)s
         WHERE chat_id = %(old)s
           AND NOT EXISTS (SELECT FROM telegram_topics WHERE chat_id = %(new)s AND thread_id = topic.thread_id)
        """,
        {"old": old, "new": new},
    )
    await _move_sessions(tx, old, new)
    log.info("chat.moved", chat_id=old, to=new)


async def forget_messages(tx: Connection) -> None:
    """Forget which messages stand in the chats, since another bot wrote them; open questions are put anew."""
    await tx.execute(
        f"""
        UPDATE outbox
           SET message_id = NULL,
               status = CASE WHEN status = 'sending' OR {_ASKED} THEN 'pending' ELSE status END,
               sent_revision = CASE WHEN {_ASKED} THEN 0 ELSE sent_revision END
         WHERE message_id IS NOT NULL OR status = 'sending'
        """
    )


async def paused(tx: Connection, chat_id: int, seconds: float) -> None:
    """Note that Telegram wants to hear nothing for this chat for so long."""
    await _ensure(tx, chat_id)
    await tx.execute(
        """
        UPDATE telegram_chats
           SET paused_until = clock_timestamp() + make_interval(secs => %(seconds)s), updated_at = now()
         WHERE chat_id = %(chat_id)s
        """,
        {"chat_id": chat_id, "seconds": seconds},
    )


async def pauses(tx: Connection) -> dict[int, float]:
    """Return the chats that are paused, each with the seconds that are left."""
    async with tx.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            """
            SELECT chat_id, extract(epoch FROM paused_until - clock_timestamp())::float
              FROM telegram_chats WHERE paused_until > clock_timestamp()
            """
        )
        return dict(await cursor.fetchall())


OPEN: Final = "(status IN ('pending', 'sending') OR (status = 'sent' AND sent_revision < revision))"
"""What is to be sent or edited: the condition of the index `outbox_open`."""

_UNANSWERED: Final = """EXISTS (
    SELECT FROM approvals WHERE approvals.id = outbox.approval_id AND approvals.status = 'pending'
)"""
"""What puts a question that nobody has answered yet."""

_ASKED: Final = f"(outbox.status = 'sent' AND {_UNANSWERED})"
"""Such a question that stands in its chat."""


def _kind(chat: TelegramChat) -> ChatKind:
    if chat.type == ChatType.PRIVATE:
        return ChatKind.PRIVATE
    if chat.type == ChatType.GROUP:
        return ChatKind.GROUP
    return ChatKind.FORUM if chat.is_forum else ChatKind.SUPERGROUP


async def _ensure(tx: Connection, chat_id: int) -> None:
    """Know a chat that nothing came from yet by what its id says."""
    kind = ChatKind.SUPERGROUP if counts_alone(chat_id) else ChatKind.GROUP
    await tx.execute(
        "INSERT INTO telegram_chats (chat_id, kind) VALUES (%s, %s) ON CONFLICT (chat_id) DO NOTHING",
        [chat_id, kind if is_group(chat_id) else ChatKind.PRIVATE],
    )


async def _set_state(tx: Connection, chat_id: int, state: ChatState) -> None:
    await _ensure(tx, chat_id)
    await tx.execute(
        "UPDATE telegram_chats SET state = %s, updated_at = now() WHERE chat_id = %s", [state, chat_id]
    )


async def _move_sessions(tx: Connection, old: int, new: int) -> None:
    """Give a group's sessions their new name, unless something has been said under that one already."""
    await tx.execute(
        """
        UPDATE sessions AS moving
           SET external_key = %(new)s || substr(external_key, length(%(old)s) + 1)
         WHERE front = %(front)s AND external_key LIKE %(old)s || ':%%'
           AND NOT EXISTS (
               SELECT FROM sessions
                WHERE front = %(front)s
                  AND external_key = %(new)s || substr(moving.external_key, length(%(old)s) + 1)
           )
        """,
        {"front": FRONT, "old": str(old), "new": str(new)},
    )
