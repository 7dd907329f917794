"""Takes up what was left lying: by killed workers, lost jobs, and people who did not answer.

Every pass looks at what is, and repairs it; it may be killed anywhere and is
simply made again. Several schedulers take turns.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import structlog
from procrastinate import App
from procrastinate.exceptions import UniqueViolation
from procrastinate.jobs import Job
from psycopg.rows import class_row

from shared import queue
from shared.database import Connection, Database
from shared.ledger import claims, expiry
from shared.ledger.claims import SILENCE_S, Ending
from shared.ledger.runs import COLUMNS, Run, Status
from shared.live import Live
from shared.queue import ABANDONED_S, RUNS, TIMETABLE

_LOCK = 7241_1002
"""Advisory lock under which one scheduler recovers at a time."""

_TOO_LONG = Ending(
    Status.TIMED_OUT,
    "timed_out",
    "It ran longer than it may.",
    "Start it again, or make the work smaller.",
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one pass has repaired."""

    stalled_jobs: int = 0
    abandoned_jobs: int = 0
    overdue_runs: int = 0
    runs_without_job: int = 0
    reminded_approvals: int = 0
    expired_approvals: int = 0


async def recover(database: Database, queue_app: App, live: Live) -> Recovered:
    """Make one pass.

    Args:
        database: The ledgers.
        queue_app: The opened queue.
        live: Told of runs that ended, and of questions whose time is nearly over.

    Returns:
        What was repaired; nothing when another scheduler is at it.
    """
    async with database.transaction() as turn:
        cursor = await turn.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        row = await cursor.fetchone()
        if row is None or not row[0]:
            return Recovered()
        recovered = Recovered(
            stalled_jobs=await _retry_stalled_jobs(database, queue_app),
            abandoned_jobs=await _retry_abandoned_jobs(database),
            overdue_runs=await _end_runs_past_their_deadline(database, live),
            runs_without_job=await _defer_runs_without_job(database),
            reminded_approvals=await _remind_of_approvals(database, live),
            expired_approvals=await _expire_approvals(database, live),
        )
    if recovered != Recovered():
        log.info("run.recovered", **asdict(recovered))
    return recovered


async def _retry_stalled_jobs(database: Database, queue_app: App) -> int:
    """Queue the jobs of workers whose heart stands still again."""
    stalled = list(await queue_app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENCE_S))
    for job in stalled:
        try:
            await queue_app.job_manager.retry_job(job)
        except UniqueViolation:
            await _forget(database, job)
    return len(stalled)


async def _forget(database: Database, job: Job) -> None:
    """Delete a dead worker's tick of a periodic job, behind which the next one waits already."""
    async with database.connection() as connection:
        await connection.execute(
            """
            DELETE FROM procrastinate_jobs
             WHERE id = %s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %s
            """,
            [job.id, job.worker_id],
        )


async def _retry_abandoned_jobs(database: Database) -> int:
    """Queue the jobs again that a worker could not let go of during an outage, though it lives.

    Index: the queue's own on the worker of jobs that are being done.
    """
    named = {"abandoned_s": ABANDONED_S, "runs": RUNS, "timetable": TIMETABLE}
    async with database.transaction() as tx:
        # Behind a tick another one may wait already, and does as well.
        forgotten = await tx.execute(
            f"""
            DELETE FROM procrastinate_jobs AS job
             WHERE {_ABANDONED}
               AND EXISTS (SELECT FROM procrastinate_jobs AS next
                            WHERE next.queueing_lock = job.queueing_lock AND next.status = 'todo')
            """,
            named,
        )
        retried = await tx.execute(
            f"SELECT procrastinate_retry_job_v2(job.id, now(), NULL, NULL, NULL)"
            f" FROM procrastinate_jobs AS job WHERE {_ABANDONED}",
            named,
        )
    return forgotten.rowcount + retried.rowcount


_ABANDONED = """
    job.status = 'doing' AND job.worker_id IS NOT NULL
    AND (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id AND type = 'started')
        < now() - make_interval(secs => %(abandoned_s)s)
    AND (job.queue_name = %(runs)s AND NOT EXISTS (
            SELECT FROM runs WHERE id = (job.args ->> 'run_id')::uuid AND status = 'running'
               AND beat_at >= now() - make_interval(secs => %(abandoned_s)s))
         OR job.queue_name = %(timetable)s AND NOT EXISTS (
            SELECT FROM leases WHERE name = job.args ->> 'name'
               AND GREATEST(beat_at, released_at) >= now() - make_interval(secs => %(abandoned_s)s)))
"""
"""Begun long ago, and neither does its run's worker beat nor is its lock held, or was a moment ago."""


async def _end_runs_past_their_deadline(database: Database, live: Live) -> int:
    """End the runs that have used up their time while there is no worker to see it."""
    async with database.connection() as connection:
        overdue = await claims.past_deadline(connection)
    ended = 0
    for run_id in overdue:
        async with database.transaction() as tx:
            run = await claims.end_past_deadline(tx, run_id, _TOO_LONG)
        if run is not None:
            ended += 1
            live.wake(run.session_id)
    return ended


async def _defer_runs_without_job(database: Database) -> int:
    """Defer runs that should go on, but that no job will take forward."""
    async with database.transaction() as tx:
        lying = await _runs_without_job(tx)
        for run in lying:
            await queue.defer(tx, run)
    return len(lying)


async def _runs_without_job(tx: Connection) -> list[Run]:
    """Return them (indexes runs_open, and the queue's own on the lock of open jobs)."""
    async with tx.cursor(row_factory=class_row(Run)) as cursor:
        await cursor.execute(
            f"""
            SELECT {COLUMNS} FROM runs
             WHERE ended_at IS NULL
               AND (status = 'queued' AND created_at < now() - make_interval(secs => %(silence_s)s)
                    OR status = 'running' AND beat_at < now() - make_interval(secs => %(silence_s)s)
                    OR status = 'waiting' AND EXISTS (
                       SELECT 1 FROM approvals
                        WHERE run_id = runs.id AND status = 'decided' AND delivered_at IS NULL)
                    OR status = 'waiting' AND resume_at < now() - make_interval(secs => %(silence_s)s))
               AND NOT EXISTS (
                   SELECT 1 FROM procrastinate_jobs
                    WHERE lock = 'thread:' || runs.thread_id AND status IN ('todo', 'doing'))
               AND NOT EXISTS (
                   SELECT 1 FROM runs AS holder WHERE holder.id = runs.blocked_by AND holder.status = 'running')
             ORDER BY number LIMIT 500
            """,
            {"silence_s": SILENCE_S},
        )
        return await cursor.fetchall()


async def _remind_of_approvals(database: Database, live: Live) -> int:
    """Remind whoever must decide that the time is nearly over."""
    async with database.connection() as connection:
        nearly_over = await expiry.nearly_over(connection)
    for approval_id in nearly_over:
        async with database.transaction() as tx:
            run = await expiry.remind(tx, approval_id)
        if run is not None:
            live.wake(run.session_id)
    return len(nearly_over)


async def _expire_approvals(database: Database, live: Live) -> int:
    """End the runs that nobody answered in time."""
    async with database.connection() as connection:
        overdue = await expiry.overdue(connection)
    for approval in overdue:
        async with database.transaction() as tx:
            if not await expiry.expire(tx, approval.id):
                continue
            run = await claims.end_waiting(
                tx,
                approval.run_id,
                Ending(
                    Status.TIMED_OUT,
                    "approval_expired",
                    f"Nobody decided in time: {approval.question['title']}",
                    "Start the work again when somebody is there to decide.",
                ),
            )
        if run is not None:
            live.wake(run.session_id)
    return len(overdue)
