"""Buttons that change something when they are pressed: each does so once, and not for ever.

A finger taps twice, and a message stays on screens for weeks. What only looks may be
pressed again at any time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bot import texts
from bot.arrived import Arrived
from bot.outbox import Row
from bot.places import READER
from graph.conversation import changes_something as changes
from graph.conversation.replies import DecisionChoice, ReplyChoice
from shared.database import Connection

_GOOD_FOR: Final = timedelta(days=1)
"""A decision may take a day as well; afterwards too much has changed for one tap."""


def changes_something(choice: ReplyChoice) -> bool:
    """Return whether a button is one: an answer to a question is as well, which the ledger takes once."""
    return isinstance(choice, DecisionChoice) or changes(choice.command)


async def why_not(tx: Connection, arrived: Arrived, button_id: str, row: Row) -> str:
    """Return why a button that changes something does nothing now; empty when this press is its one.

    Args:
        tx: Where the press is noted. The same press again, after a crash, is the same one.
        arrived: The press.
        button_id: Of the button.
        row: The message that it is on.
    """
    if arrived.received_at - (row.sent_at or row.created_at) > _GOOD_FOR:
        return texts.OLD_BUTTON
    return "" if await is_first(tx, button_id, arrived.inbox_id) else texts.PRESSED_BEFORE


async def is_first(tx: Connection, button_id: str, inbox_id: int) -> bool:
    """Note a press, and return whether it is the one that counts.

    One that was refused, or could not be handled, does not: somebody else may be allowed to.
    """
    # Indexes: the cursors' and the inbox's primary keys, and turns_of_message.
    cursor = await tx.execute(
        """
        INSERT INTO cursors (reader, stream, position) VALUES (%(reader)s, %(stream)s, %(inbox_id)s)
        ON CONFLICT (reader, stream) DO UPDATE SET position = CASE
            WHEN EXISTS (SELECT FROM inbox WHERE id = cursors.position AND handled_at IS NOT NULL)
                 AND NOT EXISTS (SELECT FROM turns
                                  WHERE inbox_id = cursors.position AND author = 'telewright'
                                    AND body ->> 'error' IS NULL)
            THEN excluded.position ELSE cursors.position END
        RETURNING position
        """,
        {"reader": READER, "stream": f"pressed:{button_id}", "inbox_id": inbox_id},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101 - it was just written
    return int(row[0]) == inbox_id
