"""Each job that a worker does is counted with its time, by what became of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from procrastinate import App
from procrastinate.testing import InMemoryConnector
from prometheus_client import REGISTRY

from shared.job_times import timed


def done(task: str, outcome: str) -> float | None:
    return REGISTRY.get_sample_value(
        "telewright_queue_job_duration_seconds_count", {"task": task, "outcome": outcome}
    )


async def test_a_job_that_succeeds_and_one_that_fails_are_counted_apart() -> None:
    queue = App(connector=InMemoryConnector())

    @queue.task(name="test.succeeds")
    async def succeed() -> None:
        pass

    @queue.task(name="test.fails")
    async def fail() -> None:
        raise RuntimeError

    async with queue.open_async():
        for task in (succeed, fail, succeed):
            await task.defer_async()
        await queue.run_worker_async(wait=False, install_signal_handlers=False, worker_middleware=[timed])
    assert done("test.succeeds", "succeeded") == 2
    assert done("test.fails", "failed") == 1
    assert done("test.fails", "succeeded") is None


async def test_a_job_that_is_broken_off_because_its_worker_stops_has_not_failed() -> None:
    queue = App(connector=InMemoryConnector())
    begun = asyncio.Event()

    @queue.task(name="test.lasts")
    async def last() -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    async with queue.open_async():
        await last.defer_async()
        work = partial(queue.run_worker_async, install_signal_handlers=False, shutdown_graceful_timeout=0.0)
        working = asyncio.create_task(work(worker_middleware=[timed]))
        await begun.wait()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    assert done("test.lasts", "stopped") == 1
    assert done("test.lasts", "failed") is None
