"""Who works on a run: one worker at a time, fenced by a token that only grows.

Every write a worker makes to a run carries its token. A worker that was
declared dead and comes back holds an old one, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from prometheus_client import Counter
from psycopg.rows import class_row

from shared import queue
from shared.database import Connection
from shared.errors import ClaimLost
from shared.ids import ProjectId, RunId, UserId
from shared.ledger import approvals, deployments, events
from shared.ledger.questions import Asked
from shared.ledger.runs import COLUMNS, Run, Status, get_locked
from shared.storable import storable, storable_json

CLAIM_LOST = "TW001"
"""SQLSTATE that the database function `assert_claim` raises."""

SILENCE_S = 8.0
"""A worker not heard of for so long counts as dead, to others and to itself."""

LONGEST_PAUSED = timedelta(days=1)
"""A run that was paused again and again for so long, and finished no step, will not go on."""

SHORTEST_PAUSE = timedelta(seconds=1)
"""A moment that is over already does not make a run go round and round."""

_END_EVENTS = {
    Status.SUCCEEDED: events.RUN_SUCCEEDED,
    Status.FAILED: events.RUN_FAILED,
    Status.CANCELLED: events.RUN_CANCELLED,
    Status.TIMED_OUT: events.RUN_TIMED_OUT,
}

ENDED: Final = Counter("telewright_runs_ended_total", "Runs that have ended, by outcome", ["outcome"])


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on a run, until somebody claims it after."""

    run: Run
    token: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends."""

    status: Status
    reason_code: str | None = None
    reason: str | None = None
    advice: str | None = None
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a run cannot go on before a certain moment."""

    until: datetime
    reason: str
    expected: bool
    """Whether waiting is part of the work, and no news to anybody."""
    code: str
    """Of what keeps it: what has it go on sooner names that."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker learns about a run it holds, each time its heart beats."""

    run_id: RunId
    token: int
    cancel_requested: bool
    remaining_s: float


_ASKS_AGAIN = Ending(
    Status.FAILED,
    "asks_again",
    "It asks what was answered already, and would wait for ever.",
    "Look at the workflow: each interrupt must be reached once.",
)


_PAUSED_TOO_LONG = Ending(
    Status.TIMED_OUT,
    "paused_too_long",
    "For a whole day it could not go on.",
    "Look at what it waited for; then start it again.",
)


_CANCELLED = Ending(Status.CANCELLED, "cancelled", "It was cancelled.")


_CLAIM = """
    status = 'running', claim_token = claim_token + 1, worker = %(worker)s,
    ran_s = ran_s + CASE WHEN status = 'running' THEN EXTRACT(epoch FROM beat_at - claimed_at) ELSE 0 END,
    takeovers = takeovers + (status = 'running')::int,
    claimed_at = now(), beat_at = now(), started_at = COALESCE(started_at, now()), blocked_by = NULL,
    resume_at = NULL, pause = NULL
"""

_WAIT = """
    status = 'waiting', worker = NULL, ran_s = ran_s + EXTRACT(epoch FROM clock_timestamp() - claimed_at)
"""

_PAUSE = f"""
    {_WAIT}, resume_at = %(until)s, pause = %(reason)s, paused_since = COALESCE(paused_since, now())
"""

_PAUSED_FOR = f"""
    status = 'waiting' AND resume_at > now()
    AND %(code)s = (SELECT data->>'code' FROM events
                     WHERE run_id = runs.id AND type = '{events.RUN_PAUSED}' ORDER BY seq DESC LIMIT 1)
"""
"""Indices: runs_of_project, and events' key, from its end."""

_PAST_DEADLINE = """
    status = 'running' AND beat_at < clock_timestamp() - make_interval(secs => %s)
    AND ran_s + EXTRACT(epoch FROM beat_at - claimed_at) >= time_limit_s
"""
"""Time in which no worker had it does not count: a machine that was off over night takes its runs up again."""

_END = """
    status = %(status)s, reason_code = %(reason_code)s, reason = %(reason)s, advice = %(advice)s,
    result = %(result)s, ended_at = clock_timestamp(), worker = NULL, blocked_by = NULL,
    resume_at = NULL, pause = NULL,
    ran_s = ran_s + CASE WHEN status = 'running' THEN EXTRACT(epoch FROM beat_at - claimed_at) ELSE 0 END
"""


async def claim(tx: Connection, run_id: RunId, *, worker: str) -> Claim | None:
    """Take up a run: a new one, one whose question was answered or whose pause is over, or a dead worker's.

    The job's lock makes sure that nobody alive is working on it. A run whose
    project is being worked on stays where it is, says behind which run it
    stands, and is deferred again when that one lets go.

    Returns:
        The claim, or nothing when there is nothing to do now.
    """
    run = await get_locked(tx, run_id)
    if run.status.ended:
        return None
    if run.status is Status.WAITING and not await _may_go_on(tx, run):
        return None
    if await _stands_behind_another(tx, run):
        return None
    if run.status is not Status.QUEUED:
        await approvals.mark_delivered(tx, run_id)
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await events.append_changing(
            cursor,
            run_id,
            [events.Told(_claim_event(run), {"worker": worker})],
            events.Change(_CLAIM, {"worker": worker}, returning=COLUMNS),
        )
        claimed = await cursor.fetchone()
    assert claimed is not None  # noqa: S101
    return Claim(claimed, claimed.claim_token)


async def beat(tx: Connection, held: Collection[RunId], *, worker: str) -> list[Beat]:
    """Tell that a worker drives these runs, and learn what became of them.

    Not of all that it has claimed: one that it gave up while the database was away has to
    fall silent, or recovery would never take it up while its worker is busy with others.
    """
    async with tx.cursor(row_factory=class_row(Beat)) as cursor:
        await cursor.execute(
            """
            UPDATE runs SET beat_at = clock_timestamp()
             WHERE id = ANY(%s) AND worker = %s AND status = 'running'
            RETURNING id AS run_id, claim_token AS token, cancel_requested_at IS NOT NULL AS cancel_requested,
                      (time_limit_s - ran_s - EXTRACT(epoch FROM clock_timestamp() - claimed_at))::float8
                      AS remaining_s
            """,
            [list(held), worker],
        )
        return await cursor.fetchall()


async def assert_held(tx: Connection, claim: Claim) -> None:
    """Make sure that a claim holds, and keep it so until the transaction ends.

    Raises:
        ClaimLost: Somebody else has taken up the run.
    """
    try:
        cursor = await tx.execute("SELECT assert_claim(%s, %s)", [claim.run.id, claim.token])
        await cursor.fetchone()
    except psycopg.errors.Error as error:
        if error.sqlstate == CLAIM_LOST:
            raise ClaimLost from error
        raise


async def note_progress(tx: Connection, claim: Claim) -> None:
    """Forget earlier takeovers and pauses, since a step has been finished."""
    await tx.execute(
        "UPDATE runs SET takeovers = 0, paused_since = NULL WHERE id = %s AND claim_token = %s",
        [claim.run.id, claim.token],
    )


async def lock_held(tx: Connection, claim: Claim) -> Run:
    """Return the run of a claim, and keep everybody else from it until the transaction ends.

    Raises:
        ClaimLost: Somebody else has taken up the run.
    """
    cursor = await tx.execute(
        "SELECT status, claim_token, project_id, cancel_requested_at, paused_since FROM lock_run(%s)",
        [claim.run.id],
    )
    row = await cursor.fetchone()
    if row is None or row[:2] != (Status.RUNNING, claim.token):
        raise ClaimLost
    return replace(claim.run, project_id=row[2], cancel_requested_at=row[3], paused_since=row[4])


async def let_go_waiting(
    tx: Connection, run: Run, asked: Sequence[Asked], telling: Sequence[events.Told] = ()
) -> None:
    """Store the questions a graph put, and let the run wait for people.

    Nothing is held while a person thinks: no job, no connection, no lease.

    Args:
        tx: The transaction in which the run was locked.
        run: What `lock_held` returned.
        asked: All that the graph waits for.
        telling: What is still to be told of the run.
    """
    if run.cancel_requested_at is not None:
        # Its heart has not beaten since, and nobody would look again while it waits.
        await _end(tx, run, _CANCELLED, telling)
        return
    new = await approvals.ask(tx, run, asked)
    if not new and not await approvals.any_open(tx, run.id):
        await _end(tx, run, _ASKS_AGAIN, telling)
        return
    questions = [
        events.Told(events.APPROVAL_REQUESTED, {"approval_id": str(one.id), **one.question}) for one in new
    ]
    await _tell_changing(
        tx, run, [*telling, *questions, events.Told(events.RUN_WAITING, {})], events.Change(_WAIT, {})
    )
    await _wake_next(tx, run.project_id)


async def let_go_paused(tx: Connection, run: Run, pause: Pause, telling: Sequence[events.Told] = ()) -> None:
    """Let a run rest until a moment, at which its job takes it up again.

    The pause does not count as its time. Others may work on its project meanwhile, as while a person thinks.

    Args:
        tx: The transaction in which the run was locked.
        run: What `lock_held` returned.
        pause: Until when, and why.
        telling: What is still to be told of the run.
    """
    if run.cancel_requested_at is not None:
        await _end(tx, run, _CANCELLED, telling)
        return
    # What is told by this machine's clock is stored by the database's, as all that is compared with it.
    cursor = await tx.execute("SELECT clock_timestamp()")
    [(now,)] = await cursor.fetchall()
    if run.paused_since is not None and now - run.paused_since > LONGEST_PAUSED:
        await _end(tx, run, _PAUSED_TOO_LONG, telling)
        return
    until = now + max(pause.until - datetime.now(UTC), SHORTEST_PAUSE)
    told = {
        "reason": pause.reason,
        "until": until.isoformat(),
        "expected": pause.expected,
        "code": pause.code,
    }
    change = events.Change(_PAUSE, {"until": until, "reason": storable(pause.reason)})
    await _tell_changing(tx, run, [*telling, events.Told(events.RUN_PAUSED, told)], change)
    await queue.defer(tx, run, at=until)
    await _wake_next(tx, run.project_id)


async def end_pauses(tx: Connection, project_id: ProjectId, *, code: str) -> int:
    """Have a project's runs go on now that were paused until later; said again, it changes nothing.

    Args:
        tx: The transaction that stores what they wait for.
        project_id: Whose runs.
        code: Of what keeps them (`Pause.code`); what is paused for any other reason stays so.

    Returns:
        How many go on.
    """
    cursor = await tx.execute(
        f"SELECT id FROM runs WHERE project_id = %(project_id)s AND {_PAUSED_FOR}",
        {"project_id": project_id, "code": code},
    )
    ended = 0
    for (run_id,) in await cursor.fetchall():
        run = await get_locked(tx, run_id)
        cursor = await tx.execute(
            f"UPDATE runs SET resume_at = now() WHERE id = %(id)s AND {_PAUSED_FOR}",
            {"id": run_id, "code": code},
        )
        if cursor.rowcount:
            await queue.hasten(tx, run)
            ended += 1
    return ended


async def let_go_ended(tx: Connection, run: Run, ending: Ending, telling: Sequence[events.Told] = ()) -> None:
    """End a run as the worker that holds it.

    Args:
        tx: The transaction in which the run was locked.
        run: What `lock_held` returned.
        ending: How it ends.
        telling: What is still to be told of the run.
    """
    await _end(tx, run, ending, telling)


async def let_go_queued(tx: Connection, run: Run) -> None:
    """Hand a run back, for another worker to go on from its last checkpoint.

    The run stays `running` without a heart that beats; its new job takes it over.

    Args:
        tx: The transaction in which the run was locked.
        run: What `lock_held` returned.
    """
    await tx.execute("UPDATE runs SET takeovers = takeovers - 1 WHERE id = %s", [run.id])
    await queue.defer(tx, run)


async def end_waiting(tx: Connection, run_id: RunId, ending: Ending) -> Run | None:
    """End a run that waits for people.

    Returns:
        The run, or nothing when it does not wait any more.
    """
    run = await get_locked(tx, run_id)
    if run.status is not Status.WAITING:
        return None
    await _end(tx, run, ending)
    return run


async def past_deadline(tx: Connection) -> list[RunId]:
    """Return runs that have used up their time, and whose worker is not heard of (index runs_open)."""
    cursor = await tx.execute(f"SELECT id FROM runs WHERE ended_at IS NULL AND {_PAST_DEADLINE}", [SILENCE_S])
    return [RunId(row[0]) for row in await cursor.fetchall()]


async def end_past_deadline(tx: Connection, run_id: RunId, ending: Ending) -> Run | None:
    """End a run that has used up its time, if nobody has taken it up since.

    Returns:
        The run, or nothing when it goes on or has ended.
    """
    run = await get_locked(tx, run_id)
    cursor = await tx.execute(f"SELECT FROM runs WHERE id = %s AND {_PAST_DEADLINE}", [run_id, SILENCE_S])
    if await cursor.fetchone() is None:
        return None
    await _end(tx, run, ending)
    return run


async def request_cancel(tx: Connection, run_id: RunId, *, by: UserId) -> Status:
    """Cancel a run: at once when nobody works on it, else its worker does within 2 s.

    Returns:
        The run's status after it: `cancelled`, or `running` until its worker has seen it,
        or the end it had reached already.
    """
    run = await get_locked(tx, run_id)
    if run.status.ended:
        return run.status
    await tx.execute(
        "UPDATE runs SET cancel_requested_at = COALESCE(cancel_requested_at, now()), cancel_requested_by = %s WHERE id = %s",
        [by, run_id],
    )
    await events.append(tx, run_id, events.CANCEL_REQUESTED, {"by": by})
    if run.status is Status.RUNNING:
        return Status.RUNNING
    await _end(tx, run, _CANCELLED)
    return Status.CANCELLED


async def _may_go_on(tx: Connection, run: Run) -> bool:
    """Whether what a waiting run waits for has come: an answer, or the moment until which it was paused."""
    if run.resume_at is None:
        return await approvals.any_undelivered(tx, run.id)
    # By the database's clock, as the job that was deferred to that moment.
    cursor = await tx.execute("SELECT FROM runs WHERE id = %s AND resume_at <= now()", [run.id])
    return await cursor.fetchone() is not None or await approvals.any_undelivered(tx, run.id)


async def _stands_behind_another(tx: Connection, run: Run) -> bool:
    if run.project_id is None:
        return False
    cursor = await tx.execute(
        "SELECT id, number, title FROM runs WHERE project_id = %s AND status = 'running' AND id <> %s",
        [run.project_id, run.id],
    )
    other = await cursor.fetchone()
    if other is None:
        return False
    if run.blocked_by != other[0]:
        await tx.execute("UPDATE runs SET blocked_by = %s WHERE id = %s", [other[0], run.id])
        await events.append(tx, run.id, events.RUN_BLOCKED, {"by": other[1], "title": other[2]})
    return True


def _claim_event(before: Run) -> str:
    if before.status is Status.RUNNING:
        return events.RUN_TAKEN_OVER
    return events.RUN_RESUMED if before.status is Status.WAITING else events.RUN_STARTED


async def _end(tx: Connection, run: Run, ending: Ending, telling: Sequence[events.Told] = ()) -> None:
    if run.claim_token > 1 or run.status is Status.WAITING:
        await approvals.withdraw(tx, run.id)
    await deployments.fail_started(tx, run.id, reason=ending.reason or "The run ended before it.")
    told = {
        "reason": ending.reason,
        "code": ending.reason_code,
        "advice": ending.advice,
        "result": ending.result,
    }
    end = events.Told(
        _END_EVENTS[ending.status], {key: value for key, value in told.items() if value is not None}
    )
    becomes = {
        "status": ending.status,
        "reason_code": ending.reason_code,
        "reason": ending.reason and storable(ending.reason),
        "advice": ending.advice,
        "result": storable_json(ending.result) if ending.result is not None else None,
    }
    await _tell_changing(tx, run, [*telling, end], events.Change(_END, becomes))
    await _wake_next(tx, run.project_id)
    # Not after the commit, which is the caller's: one that fails, which is rare, makes it one too many.
    ENDED.labels(ending.status).inc()


async def _tell_changing(
    tx: Connection, run: Run, telling: Sequence[events.Told], change: events.Change
) -> None:
    async with tx.cursor() as cursor:
        await events.append_changing(cursor, run.id, telling, change)


async def _wake_next(tx: Connection, project_id: ProjectId | None) -> None:
    """Defer the oldest run that stands behind the one that has just let go."""
    if project_id is None:
        return
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(
            f"""
            SELECT {COLUMNS} FROM runs
             WHERE project_id = %s AND blocked_by IS NOT NULL AND ended_at IS NULL
             ORDER BY number LIMIT 1
            """,
            [project_id],
        )
        waiting = await cursor.fetchone()
    if waiting is not None:
        await queue.defer(tx, waiting)
