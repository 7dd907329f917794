"""Facts about a run, numbered 1, 2, 3 … without a gap: what every interface shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import class_row

from shared.database import Connection
from shared.errors import ClaimLost
from shared.ids import RunId
from shared.storable import storable_json

RUN_QUEUED = "run.queued"
RUN_BLOCKED = "run.blocked"
RUN_STARTED = "run.started"
RUN_RESUMED = "run.resumed"
RUN_TAKEN_OVER = "run.taken_over"
RUN_WAITING = "run.waiting"
RUN_PAUSED = "run.paused"
RUN_SUCCEEDED = "run.succeeded"
RUN_FAILED = "run.failed"
RUN_CANCELLED = "run.cancelled"
RUN_TIMED_OUT = "run.timed_out"
CANCEL_REQUESTED = "cancel.requested"
APPROVAL_REQUESTED = "approval.requested"
APPROVAL_REMINDED = "approval.reminded"
APPROVAL_DECIDED = "approval.decided"
APPROVAL_EXPIRED = "approval.expired"
STEP_STARTED = "step.started"
STEP_FINISHED = "step.finished"
STEP_FAILED = "step.failed"
OUTPUT_WRITTEN = "output.written"
DEPLOYMENT_ADVANCED = "deployment.advanced"
NOTE_WRITTEN = "note.written"
"""The one list of event types, `noun.verb_past`."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that has no number yet."""

    type: str
    data: dict[str, Any]
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about a run."""

    run_id: RunId
    seq: int
    type: str
    data: dict[str, Any]
    trace_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """What a run's row becomes in the statement that tells of it: one version of the row instead of two."""

    assignments: str
    parameters: Mapping[str, Any]
    returning: str = "1"


_EVENT = "run_id, seq, type, data, trace_id, created_at"


async def append(tx: Connection, run_id: RunId, type_: str, data: Mapping[str, Any] | None = None) -> None:
    """Add an event in the transaction of the change that it tells of."""
    await append_all(tx, run_id, [Told(type_, dict(data or {}))])


async def append_all(
    tx: Connection, run_id: RunId, telling: Sequence[Told], *, token: int | None = None
) -> None:
    """Add events, in order.

    The run's row is locked by the update, which makes the numbers gapless: a
    second writer waits, and a rolled back one gives its numbers back.

    Args:
        tx: The transaction of the changes that they tell of.
        run_id: The run that they are about.
        telling: The events.
        token: The claim of the worker that tells; left out, somebody else does.

    Raises:
        ClaimLost: The token is not the run's any more.
    """
    if not telling:
        return
    cursor = await tx.execute(
        f"""
        WITH next AS (
            UPDATE runs SET last_event = last_event + %(count)s
             WHERE id = %(run_id)s
               AND (%(token)s::bigint IS NULL OR claim_token = %(token)s AND status = 'running')
            RETURNING id, last_event - %(count)s AS before, trace_id
        )
        INSERT INTO events ({_EVENT})
        SELECT {_NEXT} RETURNING seq
        """,
        {"run_id": run_id, "token": token, **_columns_of(telling)},
    )
    if token is not None and await cursor.fetchone() is None:
        raise ClaimLost


async def append_changing(
    cursor: AsyncCursor[Any], run_id: RunId, telling: Sequence[Told], change: Change
) -> None:
    """Add events, and change the run that they are about, in one statement.

    Args:
        cursor: Of the transaction in which the run was locked; what the change returns is fetched there.
        run_id: The run.
        telling: The events, at least one.
        change: What the run becomes.
    """
    await cursor.execute(
        f"""
        WITH next AS (
            UPDATE runs SET last_event = last_event + %(count)s, {change.assignments}
             WHERE id = %(run_id)s
            RETURNING *, last_event - %(count)s AS before
        ), inserted AS (
            INSERT INTO events ({_EVENT}) SELECT {_NEXT}
        )
        SELECT {change.returning} FROM next
        """,
        {**change.parameters, "run_id": run_id, **_columns_of(telling)},
    )


_NEXT = """
    id, before + told.ordinal, told.type, told.data, trace_id, told.at
  FROM next, unnest(%(types)s::text[], %(data)s::jsonb[], %(at)s::timestamptz[])
             WITH ORDINALITY AS told (type, data, at, ordinal)
"""
"""The rows of events, after the run whose row was changed in `next`."""


def _columns_of(telling: Sequence[Told]) -> dict[str, Any]:
    return {
        "count": len(telling),
        "types": [one.type for one in telling],
        "data": [storable_json(one.data) for one in telling],
        "at": [one.at for one in telling],
    }


async def after(tx: Connection, run_id: RunId, seq: int, *, limit: int = 500) -> list[Event]:
    """Return a run's events after a number, oldest first."""
    async with tx.cursor(row_factory=class_row(Event)) as cursor:
        await cursor.execute(
            f"SELECT {_EVENT} FROM events WHERE run_id = %s AND seq > %s ORDER BY seq LIMIT %s",
            [run_id, seq, limit],
        )
        return await cursor.fetchall()
