"""What came in, each thing once, stored before it is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.ids import SessionId, UserId


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


async def mark_handled(tx: Connection, inbox_id: int) -> None:
    """Note that everything this message causes is stored."""
    await tx.execute("UPDATE inbox SET handled_at = now() WHERE id = %s", [inbox_id])
