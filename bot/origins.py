"""What answers belong to: a message, or a button that was pressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiogram.types import Message
from psycopg.rows import class_row

from bot.places import Place, place_of_message
from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing that a person said, as the inbox keeps it."""

    inbox_id: int
    sender_id: int
    sender_name: str
    chat_id: int
    thread_id: int | None
    """The topic where it was said, which may be another than the one where it is answered."""
    message_id: int | None
    """The message; None for a press."""
    brings_file: bool
    """Whether it may be answered later than what was said after it."""
    query_id: str | None
    """The press; None for a message."""
    decides: bool
    """Whether the button answers a question, rather than say a command."""

    def message_in(self, place: Place) -> int | None:
        """Return the message that an answer in a place can reply to; Telegram knows no replies across topics."""
        return self.message_id if place == Place(self.chat_id, self.thread_id) else None


def origin_of(inbox_id: int, message: Message) -> Origin:
    """Return a message that is being answered as the inbox will know it."""
    sender, place = message.from_user, place_of_message(message)
    return Origin(
        inbox_id=inbox_id,
        sender_id=sender.id if sender else 0,
        sender_name=sender.first_name if sender else "",
        chat_id=place.chat_id,
        thread_id=place.thread_id,
        message_id=message.message_id,
        brings_file=message.document is not None or message.photo is not None,
        query_id=None,
        decides=False,
    )


async def origins(tx: Connection, inbox_ids: Sequence[int]) -> dict[int, Origin]:
    """Return what was said, by its number in the inbox."""
    if not inbox_ids:
        return {}
    async with tx.cursor(row_factory=class_row(Origin)) as cursor:
        # Index: the inbox's primary key.
        await cursor.execute(
            """
            SELECT inbox.id AS inbox_id,
                   COALESCE(payload #>> '{message,from,id}', payload #>> '{callback_query,from,id}', '0')::bigint
                       AS sender_id,
                   COALESCE(payload #>> '{message,from,first_name}',
                            payload #>> '{callback_query,from,first_name}', '') AS sender_name,
                   COALESCE(payload #>> '{message,chat,id}', '0')::bigint AS chat_id,
                   -- Replies in a group without topics have a thread as well, which is no topic.
                   CASE WHEN payload #> '{message,is_topic_message}' = 'true'
                        THEN (payload #>> '{message,message_thread_id}')::bigint END AS thread_id,
                   (payload #>> '{message,message_id}')::bigint AS message_id,
                   payload #> '{message,document}' IS NOT NULL OR payload #> '{message,photo}' IS NOT NULL
                       AS brings_file,
                   payload #>> '{callback_query,id}' AS query_id,
                   COALESCE(choice ->> 'type' = 'decision', false) AS decides
              FROM inbox LEFT JOIN outbox_buttons ON outbox_buttons.id = payload #>> '{callback_query,data}'
             WHERE inbox.id = ANY(%s)
            """,
            [list(inbox_ids)],
        )
        return {origin.inbox_id: origin for origin in await cursor.fetchall()}
