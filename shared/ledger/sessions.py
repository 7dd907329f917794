"""Conversations about work: what is wanted of each (spec), and its turns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.ids import ApprovalId, RunId, SessionId, UserId

BEGUN_AFTER = "begun_after"
"""The spec's word for the turn after which the conversation begins anew."""


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation: a chat, a forum topic, a terminal, an API client."""

    id: SessionId
    front: str
    external_key: str
    owner_id: UserId
    spec: dict[str, Any]
    generation: int
    last_turn: int
    created_at: datetime

    @property
    def begun_after(self) -> int:
        """The number of the turn after which the conversation was begun anew; 0 when it never was."""
        return int(self.spec.get(BEGUN_AFTER, 0))


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said in a session, by a person or by Telewright."""

    session_id: SessionId
    seq: int
    author: str
    user_id: UserId | None
    body: dict[str, Any]
    run_id: RunId | None
    created_at: datetime


COLUMNS: Final = ", ".join(f"sessions.{field.name}" for field in fields(Session))
"""What a `Session` is made of, in its order."""

_TURN = "session_id, seq, author, user_id, body, run_id, created_at"


async def ensure(tx: Connection, *, front: str, external_key: str, owner_id: UserId) -> Session:
    """Open the session of a chat, or return the one that is open."""
    async with tx.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(
            f"""
            INSERT INTO sessions (front, external_key, owner_id)
            VALUES (%(front)s, %(external_key)s, %(owner_id)s)
            ON CONFLICT (front, external_key) DO UPDATE SET front = excluded.front
            RETURNING {COLUMNS}
            """,
            {"front": front, "external_key": external_key, "owner_id": owner_id},
        )
        session = await cursor.fetchone()
    assert session is not None  # noqa: S101
    return session


async def get(tx: Connection, session_id: SessionId) -> Session | None:
    """Return a session by its id."""
    async with tx.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM sessions WHERE id = %s", [session_id])
        return await cursor.fetchone()


async def specify(tx: Connection, session_id: SessionId, changes: dict[str, Any]) -> Session:
    """Change what is wanted of a session; its generation grows when anything differs."""
    async with tx.cursor(row_factory=class_row(Session)) as cursor:
        await cursor.execute(
            f"""
            UPDATE sessions
               SET spec = spec || %(changes)s,
                   generation = generation + (spec <> spec || %(changes)s)::int
             WHERE id = %(id)s
            RETURNING {COLUMNS}
            """,
            {"id": session_id, "changes": Jsonb(changes)},
        )
        session = await cursor.fetchone()
    assert session is not None  # noqa: S101
    return session


_HANDLED = ", handled AS (UPDATE inbox SET handled_at = now() WHERE id = %(inbox_id)s)"


async def say(
    tx: Connection,
    session_id: SessionId,
    *,
    author: str,
    body: dict[str, Any],
    trace_id: str,
    user_id: UserId | None = None,
    run_id: RunId | None = None,
    inbox_id: int | None = None,
    handled: bool = False,
) -> tuple[int, datetime]:
    """Add a turn, and return its number and time.

    Turns are numbered 1, 2, 3 … without a gap, also when many write at once.

    Args:
        tx: The transaction of what is said.
        session_id: Where.
        author: `person` or `telewright`.
        body: What.
        trace_id: The trace that it belongs to.
        user_id: Who says it, or to whom it is said.
        run_id: The run it speaks of.
        inbox_id: The message that it is, or answers.
        handled: Whether everything that this message causes is stored with it: see `inbox.mark_handled`.

    Raises:
        LookupError: There is no such session.
    """
    cursor = await tx.execute(
        f"""
        WITH next AS (
            UPDATE sessions SET last_turn = last_turn + 1 WHERE id = %(session_id)s RETURNING last_turn
        ){_HANDLED if handled else ""}
        INSERT INTO turns (session_id, seq, author, user_id, body, run_id, inbox_id, trace_id)
        SELECT %(session_id)s, last_turn, %(author)s, %(user_id)s, %(body)s, %(run_id)s, %(inbox_id)s, %(trace_id)s
          FROM next
        RETURNING seq, created_at
        """,
        {
            "session_id": session_id,
            "author": author,
            "user_id": user_id,
            "body": Jsonb(body),
            "run_id": run_id,
            "inbox_id": inbox_id,
            "trace_id": trace_id,
        },
    )
    row = await cursor.fetchone()
    if row is None:
        raise LookupError(f"there is no session {session_id}")
    return row[0], row[1]


async def turns_after(tx: Connection, session_id: SessionId, seq: int, *, limit: int = 200) -> list[Turn]:
    """Return the turns after a position, oldest first."""
    async with tx.cursor(row_factory=class_row(Turn)) as cursor:
        await cursor.execute(
            f"SELECT {_TURN} FROM turns WHERE session_id = %s AND seq > %s ORDER BY seq LIMIT %s",
            [session_id, seq, limit],
        )
        return await cursor.fetchall()


async def answers_to(tx: Connection, inbox_id: int) -> list[Turn]:
    """Return what was answered to one message, oldest first."""
    async with tx.cursor(row_factory=class_row(Turn)) as cursor:
        await cursor.execute(
            f"SELECT {_TURN} FROM turns WHERE inbox_id = %s AND author = 'telewright' ORDER BY seq",
            [inbox_id],
        )
        return await cursor.fetchall()


async def awaited(
    tx: Connection, session_id: SessionId, user_id: UserId, *, since: int, on: ApprovalId | None = None
) -> dict[str, Any] | None:
    """Return what the newest answer to a person waits for, as it is written there; nothing if for nothing.

    Args:
        tx: The transaction to read in.
        session_id: The conversation.
        user_id: Whom it was given.
        since: The oldest turn that counts.
        on: The question that it waits for a comment on; left out, whatever the newest answer waits for.
    """
    # Index: the turns' primary key, read backwards.
    cursor = await tx.execute(
        """
        SELECT body -> 'awaited' FROM turns
         WHERE session_id = %(session_id)s AND seq >= %(since)s AND author = 'telewright'
           AND user_id = %(user_id)s
           AND (%(on)s::text IS NULL OR body #>> '{awaited,approval_id}' = %(on)s)
         ORDER BY seq DESC LIMIT 1
        """,
        {
            "session_id": session_id,
            "since": since,
            "user_id": user_id,
            "on": None if on is None else str(on),
        },
    )
    row = await cursor.fetchone()
    return row[0] if row else None
