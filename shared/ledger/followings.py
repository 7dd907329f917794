"""Logs that sessions follow: what is wanted of a session, and so a part of its spec, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.ids import SessionId, UserId


@dataclass(frozen=True, slots=True)
class Following:
    """A log that is followed."""

    session_id: SessionId
    number: int
    """Of the message that asked for it, in the inbox."""
    project: str


_NUMBER = "(spec #>> '{following,number}')::bigint"
_COLUMNS = f"id AS session_id, {_NUMBER} AS number, spec #>> '{{following,project}}' AS project"


async def begin(tx: Connection, following: Following) -> bool:
    """Note that a session follows a log; return False when it follows one already."""
    cursor = await tx.execute(
        """
        UPDATE sessions SET spec = spec || %(following)s, generation = generation + 1
         WHERE id = %(id)s AND NOT spec ? 'following'
        """,
        {
            "id": following.session_id,
            "following": Jsonb({"following": {"number": following.number, "project": following.project}}),
        },
    )
    return cursor.rowcount > 0


async def end(tx: Connection, session_id: SessionId, number: int) -> bool:
    """Note that a log is not followed any more; return False when that is known: its end is told once."""
    cursor = await tx.execute(
        """
        UPDATE sessions SET spec = spec - 'following', generation = generation + 1
         WHERE id = %s AND (spec #>> '{following,number}')::bigint = %s
        """,
        [session_id, number],
    )
    return cursor.rowcount > 0


async def goes_on(tx: Connection, session_id: SessionId, number: int) -> bool:
    """Whether a log is still followed, and stays so until the transaction ends."""
    cursor = await tx.execute(
        """
        SELECT FROM sessions WHERE id = %s AND (spec #>> '{following,number}')::bigint = %s FOR SHARE
        """,
        [session_id, number],
    )
    return cursor.rowcount > 0


async def of_session(tx: Connection, session_id: SessionId) -> Following | None:
    """Return what a session follows."""
    async with tx.cursor(row_factory=class_row(Following)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM sessions WHERE id = %s AND spec ? 'following'", [session_id]
        )
        return await cursor.fetchone()


async def of_front(tx: Connection, front: str) -> list[Following]:
    """Return what a front's sessions follow. Index: sessions (front, external_key)."""
    return await _found(tx, "front = %s AND spec ? 'following'", front)


async def of_person(tx: Connection, user_id: UserId) -> list[Following]:
    """Return what somebody follows, wherever they asked for it. Index: the inbox's primary key."""
    return await _found(
        tx, f"spec ? 'following' AND {_NUMBER} IN (SELECT id FROM inbox WHERE user_id = %s)", user_id
    )


async def of_chat(tx: Connection, front: str, chat: str) -> list[Following]:
    """Return what the sessions of a front's chat follow: its own, and those of its topics."""
    return await _found(
        tx, "front = %s AND starts_with(external_key, %s) AND spec ? 'following'", front, f"{chat}:"
    )


async def _found(tx: Connection, condition: str, *parameters: str) -> list[Following]:
    async with tx.cursor(row_factory=class_row(Following)) as cursor:
        await cursor.execute(f"SELECT {_COLUMNS} FROM sessions WHERE {condition}", parameters)
        return await cursor.fetchall()
