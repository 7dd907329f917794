"""The queue of work: Procrastinate, with a run's thread as the lock of its job."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Iterable

import structlog
from procrastinate import App, PsycopgConnector, jobs
from procrastinate.exceptions import ConnectorException
from procrastinate.manager import JobManager, NotificationCallback
from psycopg import OperationalError

from shared.database import Connection
from shared.ledger.runs import Run

RUNS = "runs"
"""The queue that workers listen to."""

EXECUTE_RUN = "runs.execute"
"""The task that takes a run forward: claims it, drives its graph, lets it go."""

_LISTEN_AGAIN_S = 1.0

log = structlog.get_logger()

_deferrer = App(connector=PsycopgConnector())
"""Never opened: it writes jobs on the caller's connection only."""


async def defer(tx: Connection, run: Run) -> None:
    """Queue the job that takes a run forward, in the transaction that makes it necessary.

    One job too many does no harm: it finds nothing to claim and ends.
    """
    deferrer = _deferrer.configure_task(
        EXECUTE_RUN, queue=RUNS, lock=f"thread:{run.thread_id}", connection=tx
    )
    await deferrer.defer_async(run_id=str(run.id), trace_id=run.trace_id)


class FencedJobManager(JobManager):
    """Ends a job only for the worker that does it now, and outlives outages of the database.

    Procrastinate looks at a job's id and status alone. A worker that was paused
    and declared dead would, when it comes back, end the job of its successor,
    or one that has just been queued again.

    Its worker goes on without a heart and without ears when either meets an
    outage: the task that should stop it then ends with the first of those it
    watches, and where nothing is periodic, one of them ends at once.
    """

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
            await asyncio.sleep(_LISTEN_AGAIN_S)

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        """End a job, if it is still this worker's; tell the workers when another stood behind its lock.

        Workers are told of jobs when they are deferred. One that was deferred
        while its lock was held would otherwise be found by the next look only.
        """
        await self.connector.execute_query_async(
            """
            WITH finished AS MATERIALIZED (
                SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s)
                  FROM procrastinate_jobs
                 WHERE id = %(job_id)s AND status = 'doing' AND worker_id = %(worker_id)s
                   FOR UPDATE
            )
            SELECT pg_notify('procrastinate_queue_v1#' || queue_name,
                             json_build_object('type', 'job_inserted', 'job_id', next.id)::text)
              FROM finished, procrastinate_jobs AS next
             WHERE next.lock = %(lock)s AND next.status = 'todo'
             LIMIT 1
            """,
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
        """Queue a job again, if it is still this worker's; for recovery, if nobody has taken it since."""
        await self.connector.execute_query_async(
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


def queue_app() -> App:
    """Return the queue as a process that works on it sees it; open it with `open_async(pool)`."""
    app = App(connector=PsycopgConnector())
    app.job_manager = FencedJobManager(app.connector)
    return app
