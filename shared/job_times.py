"""How long the queue's jobs take, and what becomes of them: counted by the worker that does them."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker
from prometheus_client import Histogram

DURATION: Final = Histogram(
    "telewright_queue_job_duration_seconds",
    "How long jobs of the queue took, by task and outcome; the count is the number of jobs",
    ["task", "outcome"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
)


async def timed(call_next: AsyncCallNext, context: JobContext, _worker: Worker) -> object:
    """Do a job and count it; a worker's middleware.

    A job that is tried again counts once for each time. One that ended because its worker stops is "stopped".
    """
    began = time.monotonic()
    outcome = "failed"
    try:
        result = await call_next()
        outcome = "succeeded"
    except (asyncio.CancelledError, JobAborted):
        outcome = "stopped"
        raise
    finally:
        DURATION.labels(context.job.task_name, outcome).observe(time.monotonic() - began)
    return result
