"""Facts about a run, numbered 1, 2, 3 … without a gap: what every interface shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.errors import ClaimLost
from shared.ids import RunId

RUN_QUEUED = "run.queued"
RUN_BLOCKED = "run.blocked"
RUN_STARTED = "run.started"
RUN_RESUMED = "run.resumed"
RUN_TAKEN_OVER = "run.taken_over"
RUN_WAITING = "run.waiting"
RUN_SUCCEEDED = "run.succeeded"
RUN_FAILED = "run.failed"
RUN_CANCELLED = "run.cancelled"
RUN_TIMED_OUT = "run.timed_out"
CANCEL_REQUESTED = "cancel.requested"
APPROVAL_REQUESTED = "approval.requested"
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
class Event:
    """One fact about a run."""

    run_id: RunId
    seq: int
    type: str
    data: dict[str, Any]
    trace_id: str
    created_at: datetime


_EVENT = "run_id, seq, type, data, trace_id, created_at"

_APPEND = """
    WITH next AS (
        UPDATE runs SET last_event = last_event + 1
         WHERE id = %(run_id)s AND {guard}
        RETURNING last_event, trace_id
    )
    INSERT INTO events (run_id, seq, type, data, trace_id)
    SELECT %(run_id)s, last_event, %(type)s, %(data)s, trace_id FROM next
    RETURNING seq
"""


async def append(tx: Connection, run_id: RunId, type_: str, data: Mapping[str, Any] | None = None) -> int:
    """Add an event in the transaction of the change that it tells of.

    The run's row is locked by the update, which makes the numbers gapless: a
    second writer waits, and a rolled back one gives its number back.

    Returns:
        The event's number.
    """
    cursor = await tx.execute(
        _APPEND.format(guard="true"), {"run_id": run_id, "type": type_, "data": Jsonb(dict(data or {}))}
    )
    row = await cursor.fetchone()
    assert row is not None, "the run exists"  # noqa: S101
    return int(row[0])


async def append_claimed(
    tx: Connection, run_id: RunId, token: int, type_: str, data: Mapping[str, Any] | None = None
) -> int:
    """Add an event as the worker that holds the run's claim.

    Raises:
        ClaimLost: The token is not the run's any more.
    """
    cursor = await tx.execute(
        _APPEND.format(guard="claim_token = %(token)s AND status = 'running'"),
        {"run_id": run_id, "token": token, "type": type_, "data": Jsonb(dict(data or {}))},
    )
    row = await cursor.fetchone()
    if row is None:
        raise ClaimLost
    return int(row[0])


async def after(tx: Connection, run_id: RunId, seq: int, *, limit: int = 500) -> list[Event]:
    """Return a run's events after a number, oldest first."""
    async with tx.cursor(row_factory=class_row(Event)) as cursor:
        await cursor.execute(
            f"SELECT {_EVENT} FROM events WHERE run_id = %s AND seq > %s ORDER BY seq LIMIT %s",
            [run_id, seq, limit],
        )
        return await cursor.fetchall()
