"""The queue of work: Procrastinate, with a run's thread as the lock of its job."""

from __future__ import annotations

import datetime

from procrastinate import App, PsycopgConnector, jobs
from procrastinate.manager import JobManager

from shared.database import Connection
from shared.ledger.runs import Run

RUNS = "runs"
"""The queue that workers listen to."""

EXECUTE_RUN = "runs.execute"
"""The task that takes a run forward: claims it, drives its graph, lets it go."""

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
    """Ends a job only for the worker that does it now.

    Procrastinate looks at a job's id and status alone. A worker that was paused
    and declared dead would, when it comes back, end the job of its successor,
    or one that has just been queued again.
    """

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
