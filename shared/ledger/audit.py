"""Every decision: who, when, from where, and the digest of what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.ids import UserId


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision."""

    at: datetime
    user_id: UserId
    front: str
    action: str
    subject: str
    digest: str | None
    details: dict[str, Any]


async def record(
    tx: Connection,
    *,
    user_id: UserId,
    front: str,
    action: str,
    subject: str,
    trace_id: str,
    digest: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Write down a decision, in the transaction that carries it out.

    Args:
        tx: The transaction of the decision itself.
        user_id: Who decided.
        front: From where.
        action: What was done, `noun.verb_past`.
        subject: What it was done to: `run:…`, `project:…`.
        trace_id: The trace of the message that said so.
        digest: Of exactly what was decided.
        details: Whatever else helps a reader; never a secret.
    """
    await tx.execute(
        """
        INSERT INTO audit (user_id, front, action, subject, digest, details, trace_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        [user_id, front, action, subject, digest, Jsonb(details or {}), trace_id],
    )


async def of_subject(tx: Connection, subject: str, *, limit: int = 50) -> list[Entry]:
    """Return what was decided about one thing, newest first."""
    async with tx.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(
            """
            SELECT at, user_id, front, action, subject, digest, details
              FROM audit WHERE subject = %s ORDER BY id DESC LIMIT %s
            """,
            [subject, limit],
        )
        return await cursor.fetchall()
