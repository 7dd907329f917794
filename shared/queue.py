"""The queue of work: Procrastinate, with a run's thread as the lock of its job."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import structlog
from procrastinate import App, JobContext, PsycopgConnector, jobs
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.manager import JobManager, NotificationCallback
from psycopg import OperationalError

from shared.database import Connection
from shared.ledger.runs import Run

RUNS = "runs"
"""The queue that workers listen to."""

TIMETABLE = "timetable"
"""The queue that schedulers listen to: ticks of periodic jobs."""

RUN_JOB = "timetable.run"
"""The task that does a periodic job, at its tick or sooner."""

GITHUB_SYNC = "github_sync"
"""The periodic job that looks at GitHub; its webhooks have it done at once."""

EXECUTE_RUN = "runs.execute"
"""The task that takes a run forward: claims it, drives its graph, lets it go."""

_AGAIN_S = 1.0

_INSIST_S = 60.0
"""How long letting go of a job is tried: a restart of the database may take so long."""

ABANDONED_S = _INSIST_S + 15
"""A job that nobody is seen to work on for so long was given up by its worker, though that one lives."""

log = structlog.get_logger()

_deferrer = App(connector=PsycopgConnector())
"""Never opened: it writes jobs on the caller's connection only."""


async def defer(tx: Connection, run: Run, *, at: datetime.datetime | None = None) -> None:
    """Queue the job that takes a run forward, in the transaction that makes it necessary.

    One job too many does no harm: it finds nothing to claim and ends.

    Args:
        tx: That transaction.
        run: The run.
        at: Not before; now when left out.
    """
    deferrer = _deferrer.configure_task(
        EXECUTE_RUN, queue=RUNS, lock=_thread_of(run), connection=tx, schedule_at=at
    )
    await deferrer.defer_async(run_id=str(run.id), trace_id=run.trace_id)


async def hasten(tx: Connection, run: Run) -> None:
    """Have a run's job that is to be done later done at once, in the transaction that makes it necessary.

    Not by another one: of one lock's jobs, Procrastinate begins with the oldest, and a new one would wait
    behind it.
    """
    cursor = await tx.execute(_HASTEN, {"lock": _thread_of(run)})
    if cursor.rowcount == 0:
        await defer(tx, run)


async def defer_job(tx: Connection, name: str) -> None:
    """Have a periodic job done at once, in the transaction that makes it necessary.

    When it waits already, nothing is queued. Should it begin before this transaction commits, its next
    tick sees what was written.
    """
    alone = f"timetable:{name}"
    deferrer = _deferrer.configure_task(
        RUN_JOB, queue=TIMETABLE, lock=alone, queueing_lock=alone, connection=tx
    )
    with suppress(AlreadyEnqueued):
        async with tx.transaction():
            await deferrer.defer_async(timestamp=int(time.time()), name=name)


class FencedJobManager(JobManager):
    """Ends a job only for the worker that does it now, and outlives outages of the database.

    Procrastinate looks at a job's id and status alone. A worker that was paused
    and declared dead would, when it comes back, end the job of its successor,
    or one that has just been queued again.

    Its worker goes on without a heart and without ears when either meets an
    outage: the task that should stop it then ends with the first of those it
    watches, and where nothing is periodic, one of them ends at once.
    """

    def __init__(self, connector: BaseConnector) -> None:
        """Use Procrastinate's own connector."""
        super().__init__(connector)
        self._ended: set[int | None] = set()

    async def update_heartbeat(self, worker_id: int) -> None:
        """Tell that a worker lives; if the database does not answer, the next beat tells it."""
        try:
            await super().update_heartbeat(worker_id)
        except (ConnectorException, OperationalError) as error:
            log.warning("heartbeat.missed", error=str(error.__cause__ or error))

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Listen until cancelled, again after every outage."""
        while True:
            try:
                await super().listen_for_jobs(on_notification=on_notification, queues=queues)
            except (ConnectorException, OperationalError) as error:
                log.warning("queue.lost", error=str(error.__cause__ or error))
            await asyncio.sleep(_AGAIN_S)

    def note_ended(self, job: jobs.Job) -> None:
        """Note that a job has ended already, in a transaction of its own task."""
        self._ended.add(job.id)

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        """End a job, if it is still this worker's and did not end in a transaction of its task."""
        if job.id in self._ended:
            self._ended.remove(job.id)
            return
        await self._insist(
            """
            WITH finished AS MATERIALIZED (
                SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s)
                  FROM procrastinate_jobs
                 WHERE id = %(job_id)s AND status = 'doing' AND worker_id = %(worker_id)s
                   FOR UPDATE
            )
            """
            + _TELL_NEXT,
            job_id=job.id,
            worker_id=job.worker_id,
            lock=job.lock,
            status=status.value,
            delete_job=delete_job,
        )

    async def retry_job(
        self,
        job: jobs.Job,
        retry_at: datetime.datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Queue a job again, if it is still this worker's; for recovery, if nobody has taken it since.

        Raises:
            UniqueViolation: Another job with the same queueing lock waits already.
        """
        await self._insist(
            """
            SELECT procrastinate_retry_job_v2(id, %(retry_at)s, %(priority)s, %(queue)s, %(lock)s)
              FROM procrastinate_jobs
             WHERE id = %(job_id)s AND status = 'doing' AND worker_id IS NOT DISTINCT FROM %(worker_id)s
               FOR UPDATE
            """,
            job_id=job.id,
            worker_id=job.worker_id,
            retry_at=retry_at or datetime.datetime.now(datetime.UTC),
            priority=priority,
            queue=queue,
            lock=lock,
        )

    async def _insist(self, query: str, **parameters: object) -> None:
        """Execute what lets a job go, again after an outage.

        A job that stayed with a worker that lives would be nobody's: recovery looks at dead ones'.
        """
        give_up_at = time.monotonic() + _INSIST_S
        while True:
            try:
                return await self.connector.execute_query_async(query, **parameters)
            except UniqueViolation:
                raise
            except (ConnectorException, OperationalError) as error:
                if time.monotonic() > give_up_at:
                    raise
                log.warning("queue.lost", error=str(error.__cause__ or error))
            await asyncio.sleep(_AGAIN_S)


class OwnJob:
    """A job to the task that does it: ends with what the task has done, in one transaction."""

    def __init__(self, context: JobContext) -> None:
        """Take the job of a task's context."""
        self._job = context.job
        self._app = context.app

    @asynccontextmanager
    async def ending(self, transaction: AbstractAsyncContextManager[Connection]) -> AsyncIterator[Connection]:
        """Lend a transaction that ends the job as well, if it is still this worker's."""
        async with transaction as tx:
            yield tx
            await tx.execute(
                _END_JOB, {"job_id": self._job.id, "worker_id": self._job.worker_id, "lock": self._job.lock}
            )
        if isinstance(self._app.job_manager, FencedJobManager):
            self._app.job_manager.note_ended(self._job)


_TELL_NEXT = """
    SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                     json_build_object('type', 'job_inserted', 'job_id', next.id)::text)
      FROM finished, procrastinate_jobs AS next
     WHERE next.lock = %(lock)s AND next.status = 'todo'
     LIMIT 1
"""
"""Workers are told of jobs when they are deferred. One that was deferred while its lock was held would
otherwise be found by the next look only."""

_HASTEN = """
    WITH hastened AS (
        UPDATE procrastinate_jobs SET scheduled_at = NULL
         WHERE lock = %(lock)s AND status = 'todo'
        RETURNING id, queue_name
    )
    SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                     json_build_object('type', 'job_inserted', 'job_id', id)::text)
      FROM hastened
"""
"""As with new jobs, workers are told."""

_END_JOB = f"""
    WITH finished AS MATERIALIZED (
        DELETE FROM procrastinate_jobs
         WHERE id = %(job_id)s AND status = 'doing' AND worker_id = %(worker_id)s
        RETURNING id
    )
    {_TELL_NEXT}
"""


def _thread_of(run: Run) -> str:
    """Return the lock of a run's jobs."""
    return f"thread:{run.thread_id}"


def queue_app() -> App:
    """Return the queue as a process that works on it sees it; open it with `open_async(pool)`."""
    app = App(connector=PsycopgConnector())
    app.job_manager = FencedJobManager(app.connector)
    return app
