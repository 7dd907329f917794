"""Where somebody hears what is said unasked: in a session, or where the owners talk."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from shared.database import Connection
from shared.ids import SessionId
from shared.ledger import groups

_IS_HEARD: Final = f"""
    CASE WHEN front = 'telegram'
         THEN CASE WHEN starts_with(external_key, '-')
                   THEN %(groups_in_settings)s::bigint[] IS NULL
                     OR split_part(external_key, ':', 1)::bigint IN ({groups.LET_IN})
                   ELSE users.removed_at IS NULL END
          AND NOT EXISTS (SELECT FROM telegram_chats
                           WHERE chat_id = split_part(external_key, ':', 1)::bigint
                             AND state = 'gone' AND moved_to IS NULL)
         ELSE users.removed_at IS NULL END
"""
"""Whether a session, whose owner is joined, is a group's that is let in, or of a person who is.

Nobody hears anything in a chat that the bot was put out of, or that was deleted.
"""


async def is_heard(
    tx: Connection, session_id: SessionId, *, groups_in_settings: Collection[int] | None
) -> bool:
    """Whether anybody hears what is said in a session.

    Args:
        tx: A transaction.
        session_id: The session.
        groups_in_settings: The Telegram groups that the settings let in; None where nobody asks which are.
    """
    cursor = await tx.execute(
        f"SELECT {_IS_HEARD} FROM sessions JOIN users ON users.id = owner_id WHERE sessions.id = %(session)s",
        {
            "session": session_id,
            "groups_in_settings": None if groups_in_settings is None else list(groups_in_settings),
        },
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def listeners(
    tx: Connection, session_id: SessionId, *, groups_in_settings: Collection[int]
) -> list[SessionId]:
    """Return where something is told: in its session, or to the owners where nobody hears it any more.

    Args:
        tx: A transaction.
        session_id: Where it belongs.
        groups_in_settings: The Telegram groups that the settings let in.
    """
    if await is_heard(tx, session_id, groups_in_settings=groups_in_settings):
        return [session_id]
    return await owners(tx, groups_in_settings=groups_in_settings)


async def owners(tx: Connection, *, groups_in_settings: Collection[int]) -> list[SessionId]:
    """Return the conversation of each owner in which something was said last and is heard; a new owner has none.

    Index: the turns' primary key.
    """
    cursor = await tx.execute(
        f"""
        SELECT DISTINCT ON (users.id) sessions.id
          FROM users
          JOIN sessions ON owner_id = users.id
          JOIN turns ON session_id = sessions.id AND seq = last_turn
         WHERE role = 'owner' AND removed_at IS NULL AND {_IS_HEARD}
         ORDER BY users.id, turns.created_at DESC
        """,
        {"groups_in_settings": list(groups_in_settings)},
    )
    return [SessionId(row[0]) for row in await cursor.fetchall()]
