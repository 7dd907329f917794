"""Procrastinate's side of the executor: its jobs, fenced like the runs they are for."""

from __future__ import annotations

import datetime
from uuid import UUID

from procrastinate import App, PsycopgConnector, RetryStrategy, jobs
from procrastinate.manager import JobManager
from psycopg import OperationalError

from graph.executor import Executor
from shared.ids import RunId
from shared.queue import EXECUTE_RUN, RUNS

_DATABASE_AWAY = RetryStrategy(max_attempts=100, wait=1, retry_exceptions={OperationalError})


class FencedJobManager(JobManager):
    """Ends a job only for the worker that does it now.

    Procrastinate looks at a job's id and status alone. A worker that was paused
    and declared dead would, when it comes back, end the job of its successor,
    or one that has just been queued again.
    """

    async def finish_job(self, job: jobs.Job, status: jobs.Status, delete_job: bool) -> None:
        """End a job, if it is still this worker's."""
        await self.connector.execute_query_async(
            """
            SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s)
              FROM procrastinate_jobs
             WHERE id = %(job_id)s AND status = 'doing' AND worker_id = %(worker_id)s
               FOR UPDATE
            """,
            job_id=job.id,
            worker_id=job.worker_id,
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


def add_tasks(app: App, executor: Executor) -> None:
    """Give the queue's jobs to an executor."""

    @app.task(name=EXECUTE_RUN, queue=RUNS, retry=_DATABASE_AWAY)
    async def execute_run(run_id: str, trace_id: str) -> None:
        """Take a run forward; the trace is the run's, for whoever reads the job."""
        await executor.execute(RunId(UUID(run_id)))
