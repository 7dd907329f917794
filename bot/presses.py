"""The button presses that answers belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from shared.database import Connection


@dataclass(frozen=True, slots=True)
class Press:
    """One press of a button, as the inbox keeps it."""

    inbox_id: int
    query_id: str
    decides: bool
    """Whether the button answers a question, rather than say a command."""


async def presses(tx: Connection, inbox_ids: Sequence[int]) -> dict[int, Press]:
    """Return those of the messages that were button presses, by their number in the inbox."""
    if not inbox_ids:
        return {}
    async with tx.cursor(row_factory=class_row(Press)) as cursor:
        # Index: the inbox's primary key.
        await cursor.execute(
            """
            SELECT inbox.id AS inbox_id, payload #>> '{callback_query,id}' AS query_id,
                   COALESCE(choice ->> 'type' = 'decision', false) AS decides
              FROM inbox LEFT JOIN outbox_buttons ON outbox_buttons.id = payload #>> '{callback_query,data}'
             WHERE inbox.id = ANY(%s) AND payload #>> '{callback_query,id}' IS NOT NULL
            """,
            [list(inbox_ids)],
        )
        return {press.inbox_id: press for press in await cursor.fetchall()}
