"""Executions of a workflow: accepting, reading and cancelling them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.database import Connection
from shared.errors import ClaimLost, NotFound
from shared.ids import ProjectId, RunId, SessionId, UserId
from shared.ledger import events
from shared.storable import storable_json


class Status(StrEnum):
    """Where a run is: `queued → running ⇄ waiting → one of the ends`."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        return self not in OPEN


OPEN = frozenset({Status.QUEUED, Status.RUNNING, Status.WAITING})


class NoSuchRun(NotFound):
    """There is no such run."""

    code = "no_such_run"
    advice = "See /runs for what there is."


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a workflow version on a thread."""

    id: RunId
    number: int
    thread_id: str
    workflow_version_id: int
    session_id: SessionId
    project_id: ProjectId | None
    requested_by: UserId
    title: str
    input: dict[str, Any]
    status: Status
    reason_code: str | None
    reason: str | None
    advice: str | None
    result: dict[str, Any] | None
    claim_token: int
    takeovers: int
    time_limit_s: int
    ran_s: float
    blocked_by: RunId | None
    cancel_requested_at: datetime | None
    last_event: int
    trace_id: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    resume_at: datetime | None = None
    """When it goes on by itself; only while it waits for that moment and not for a person."""
    pause: str | None = None
    """Why it cannot go on before."""
    paused_since: datetime | None = None
    """When it was paused first, since it last finished a step."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "status", Status(self.status))


COLUMNS = """
    id, number, thread_id, workflow_version_id, session_id, project_id, requested_by, title, input, status,
    reason_code, reason, advice, result, claim_token, takeovers, time_limit_s, ran_s, blocked_by, cancel_requested_at, last_event,
    trace_id, created_at, started_at, ended_at, resume_at, pause, paused_since
"""


async def accept(
    tx: Connection,
    *,
    workflow_version_id: int,
    session_id: SessionId,
    requested_by: UserId,
    title: str,
    input_: dict[str, Any],
    trace_id: str,
    project_id: ProjectId | None = None,
    time_limit_s: int = 1800,
    idempotency_key: str | None = None,
) -> tuple[Run, bool]:
    """Store a run; the caller defers its job in the same transaction.

    Args:
        tx: The transaction that also stores the message and the job.
        workflow_version_id: What is executed.
        session_id: The conversation it belongs to.
        requested_by: Who asked.
        title: One line for people.
        input_: The graph's input.
        trace_id: The trace of the message that caused it.
        project_id: The project it works on; one of its runs runs at a time.
        time_limit_s: Seconds it may run; waiting for a person does not count.
        idempotency_key: A second run with the same key is the first one.

    Returns:
        The run, and whether it is new.
    """
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(
            f"""
            WITH run AS (
                INSERT INTO runs (thread_id, workflow_version_id, session_id, project_id, requested_by, title,
                                  input, time_limit_s, idempotency_key, trace_id, last_event)
                VALUES (gen_random_uuid(), %(workflow_version_id)s, %(session_id)s, %(project_id)s,
                        %(requested_by)s, %(title)s, %(input)s, %(time_limit_s)s, %(idempotency_key)s,
                        %(trace_id)s, 1)
                ON CONFLICT (idempotency_key) DO NOTHING
                RETURNING *
            ), told AS (
                INSERT INTO events (run_id, seq, type, data, trace_id)
                SELECT id, 1, %(queued)s, %(told)s, trace_id FROM run
            )
            SELECT {COLUMNS} FROM run
            """,
            {
                "workflow_version_id": workflow_version_id,
                "session_id": session_id,
                "project_id": project_id,
                "requested_by": requested_by,
                "title": title,
                "input": Jsonb(input_),
                "time_limit_s": time_limit_s,
                "idempotency_key": idempotency_key,
                "trace_id": trace_id,
                "queued": events.RUN_QUEUED,
                "told": storable_json({"title": title}),
            },
        )
        run = await cursor.fetchone()
        if run is not None:
            return run, True
        await cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE idempotency_key = %s", [idempotency_key])
        run = await cursor.fetchone()
    assert run is not None, "only the key can conflict"  # noqa: S101
    return run, False


async def get(tx: Connection, run_id: RunId) -> Run:
    """Return a run.

    Raises:
        NoSuchRun: There is none with this id.
    """
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE id = %s", [run_id])
        run = await cursor.fetchone()
    if run is None:
        raise NoSuchRun
    return run


async def get_locked(tx: Connection, run_id: RunId) -> Run:
    """Return a run and keep everybody else from changing it until the transaction ends.

    Its project's row is locked before it: everything that takes both does so in
    this order, so that nobody waits in a circle.

    Raises:
        NoSuchRun: There is none with this id.
    """
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM lock_run(%s)", [run_id])
        run = await cursor.fetchone()
    if run is None:
        raise NoSuchRun
    return run


async def get_claimed(tx: Connection, run_id: RunId, token: int) -> Run:
    """Return a run as the worker that holds it, and hold it so until the transaction ends.

    What a node writes beside the run's own row is fenced by beginning with this.

    Raises:
        ClaimLost: The token is not the run's any more.
    """
    run = await get_locked(tx, run_id)
    if run.status is not Status.RUNNING or run.claim_token != token:
        raise ClaimLost
    return run


async def attach_project(tx: Connection, run_id: RunId, token: int, project_id: ProjectId) -> None:
    """Note which project a running run works on, which gives it the project's lease.

    Raises:
        ClaimLost: The token is not the run's any more.
        psycopg.errors.UniqueViolation: Another run works on that project.
    """
    await get_claimed(tx, run_id, token)
    await tx.execute("UPDATE runs SET project_id = %s WHERE id = %s", [project_id, run_id])


async def retitle(tx: Connection, run_id: RunId, title: str) -> None:
    """Call a run otherwise from now on; what its events have said stays."""
    await tx.execute("UPDATE runs SET title = %s WHERE id = %s", [title, run_id])


async def by_number(tx: Connection, number: int) -> Run:
    """Return a run by the number people use.

    Raises:
        NoSuchRun: There is none with this number.
    """
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM runs WHERE number = %s", [number])
        run = await cursor.fetchone()
    if run is None:
        raise NoSuchRun(f"There is no run {number}.")
    return run


async def of_session(
    tx: Connection, session_id: SessionId, *, open_only: bool = False, limit: int = 20
) -> list[Run]:
    """Return a session's runs, newest first (index runs_of_session)."""
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(
            f"""
            SELECT {COLUMNS} FROM runs
             WHERE session_id = %s AND (NOT %s OR ended_at IS NULL)
             ORDER BY number DESC LIMIT %s
            """,
            [session_id, open_only, limit],
        )
        return await cursor.fetchall()


async def of_project(
    tx: Connection, project_id: ProjectId, *, open_only: bool = False, limit: int = 20
) -> list[Run]:
    """Return a project's runs, newest first (index runs_of_project)."""
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(
            f"""
            SELECT {COLUMNS} FROM runs
             WHERE project_id = %s AND (NOT %s OR ended_at IS NULL)
             ORDER BY number DESC LIMIT %s
            """,
            [project_id, open_only, limit],
        )
        return await cursor.fetchall()
