"""What came in, each thing once, stored before it is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row, tuple_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.ids import SessionId, UserId
from shared.ledger import sessions
from shared.ledger.sessions import Session
from shared.ledger.users import User


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a thing that came in stands in the inbox."""

    id: int
    session_id: SessionId
    user_id: UserId
    """Who sent what came first under its number."""
    trace_id: str
    new: bool
    handled: bool


async def receive(
    tx: Connection,
    *,
    front: str,
    external_id: str,
    session_id: SessionId,
    user_id: UserId,
    payload: dict[str, Any],
    trace_id: str,
) -> Receipt:
    """Store what came in, or find it when it came before.

    Args:
        tx: The transaction that must commit before the sender is answered.
        front: Where it came from.
        external_id: What the sender numbers it by: an update id, a message id.
        session_id: The conversation it belongs to.
        user_id: Who sent it.
        payload: What was sent, parsed.
        trace_id: The trace that everything it causes carries.

    Returns:
        Its receipt; `new` is false for something that came in before, whose row
        stays locked so that a second sender waits for the first.
    """
    async with tx.cursor(row_factory=class_row(Receipt)) as cursor:
        await cursor.execute(
            """
            INSERT INTO inbox (front, external_id, session_id, user_id, payload, trace_id)
            VALUES (%(front)s, %(external_id)s, %(session_id)s, %(user_id)s, %(payload)s, %(trace_id)s)
            ON CONFLICT (front, external_id) DO UPDATE SET front = excluded.front
            RETURNING id, session_id, user_id, trace_id, (xmax = 0) AS new, (handled_at IS NOT NULL) AS handled
            """,
            {
                "front": front,
                "external_id": external_id,
                "session_id": session_id,
                "user_id": user_id,
                "payload": Jsonb(payload),
                "trace_id": trace_id,
            },
        )
        receipt = await cursor.fetchone()
    assert receipt is not None  # noqa: S101
    return receipt


async def find(
    tx: Connection, *, front: str, external_id: str, session_id: SessionId, user_id: UserId
) -> tuple[Session | None, User | None, Receipt | None]:
    """Return a session, somebody who is let in, and what came in before: every message asks for all of them.

    Args:
        tx: The transaction that answers it.
        front: Where it came from.
        external_id: What the sender numbers it by.
        session_id: The conversation it belongs to.
        user_id: Who sent it.

    Returns:
        What there is of each. A receipt's row stays locked, as that of `receive` does.
    """
    async with tx.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            f"""
            WITH came AS MATERIALIZED (
                SELECT id, session_id, user_id, trace_id, false AS new, handled_at IS NOT NULL AS handled
                  FROM inbox WHERE front = %(front)s AND external_id = %(external_id)s
                   FOR NO KEY UPDATE
            )
            SELECT {sessions.COLUMNS}, users.id, users.name, role, came.*
              FROM (VALUES (%(session_id)s::uuid, %(user_id)s)) AS wanted (session_id, user_id)
              LEFT JOIN sessions ON sessions.id = wanted.session_id
              LEFT JOIN users ON users.id = wanted.user_id AND removed_at IS NULL
              LEFT JOIN came ON true
            """,
            {"front": front, "external_id": external_id, "session_id": session_id, "user_id": user_id},
        )
        row = await cursor.fetchone()
    assert row is not None  # noqa: S101
    session, user, receipt = row[:8], row[8:11], row[11:]
    return (
        Session(*session) if session[0] else None,
        User(*user) if user[0] else None,
        Receipt(*receipt) if receipt[0] else None,
    )


async def mark_handled(tx: Connection, inbox_id: int) -> None:
    """Note that everything this message causes is stored."""
    await tx.execute("UPDATE inbox SET handled_at = now() WHERE id = %s", [inbox_id])
