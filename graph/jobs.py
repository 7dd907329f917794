"""What a worker does with the queue's jobs."""

from __future__ import annotations

from uuid import UUID

from procrastinate import App, JobContext, RetryStrategy
from psycopg import InterfaceError, OperationalError

from graph.executor import Executor
from shared.ids import RunId
from shared.queue import EXECUTE_RUN, RUNS, OwnJob

_DATABASE_AWAY = RetryStrategy(max_attempts=100, wait=1, retry_exceptions={OperationalError, InterfaceError})


def add_tasks(app: App, executor: Executor) -> None:
    """Give the queue's jobs to an executor."""

    @app.task(name=EXECUTE_RUN, queue=RUNS, retry=_DATABASE_AWAY, pass_context=True)
    async def execute_run(context: JobContext, run_id: str, trace_id: str) -> None:
        """Take a run forward; the trace is the run's, for whoever reads the job."""
        await executor.execute(RunId(UUID(run_id)), OwnJob(context))
