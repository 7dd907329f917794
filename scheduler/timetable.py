"""Periodic jobs on any number of replicas: each tick is done once, by whichever comes first.

Procrastinate keeps the ticks apart: all replicas defer them, and the database keeps one of each.
The lock keeps the bodies apart, whatever happens to a replica. See decision 12.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.tasks import Task
from prometheus_client import Counter, Histogram

from shared.database import Database
from shared.errors import NotNow, TelewrightError
from shared.job_times import timed
from shared.lease import LeaseLost
from shared.ledger import timetable
from shared.ledger.claims import SILENCE_S
from shared.ledger.timetable import Outcome
from shared.live import Live
from shared.locks import HeldLock, LocksUnavailable, LockTaken, redis_lock
from shared.outages import OUTAGE, outlast
from shared.queue import RUN_JOB, TIMETABLE

_DRAIN_S = 2.0
"""How long a process that stops lets its bodies come to an end by themselves, before they are cancelled."""

_AGAIN_S = 1.0
_ELSEWHERE_S = 2.0
"""How long a tick waits that a replica has taken which cannot do it; the next one may."""

_AWAY_S = 5.0
"""How long to wait for a Redis that does not answer."""

RUNS: Final = Counter("telewright_job_runs_total", "Runs of periodic jobs, by outcome", ["job", "outcome"])
DURATION: Final = Histogram(
    "telewright_job_duration_seconds",
    "How long periodic jobs took",
    ["job"],
    buckets=(0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PeriodicJob:
    """One row of the timetable."""

    name: str
    """Of the job, and of its lock."""
    cron: str
    """When: five fields, and a sixth for the seconds if need be."""
    ttl_s: float
    """Seconds after which another replica may go on for one that has fallen silent."""
    body: Callable[[HeldLock], Awaitable[object]]
    """What is done. It writes in `held.transaction(…)` only, may be cancelled anywhere, and is simply made again.

    When it cannot go on before a certain moment it raises `NotNow`, which is no failure.
    """
    longest_pause_s: float = timetable.LONGEST_PAUSE_S
    """Seconds that it is left alone after failures at most, by whoever wants it done sooner as well."""
    can_be_done_here: Callable[[], Awaitable[bool]] | None = None
    """Whether this replica can do it now; left out, each can. One that cannot leaves the tick to others."""


class Timetable:
    """The periodic jobs of one process."""

    def __init__(self, database: Database, live: Live, jobs: Sequence[PeriodicJob]) -> None:
        """Put it together.

        Args:
            database: Where the queue, the fencing tokens and the outcomes are.
            live: Whose Redis keeps the locks.
            jobs: All that is to be done.
        """
        self._database = database
        self._live = live
        self._jobs = {job.name: job for job in jobs}

    async def run(self, queue: App) -> None:
        """Do what is due, for ever; when cancelled, let the bodies end."""
        if not self._jobs:
            return
        self._add_tasks(queue)
        while True:
            try:
                await queue.run_worker_async(
                    queues=[TIMETABLE],
                    concurrency=len(self._jobs),
                    install_signal_handlers=False,
                    delete_jobs="always",
                    shutdown_graceful_timeout=_DRAIN_S,
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=SILENCE_S / 4,
                    stalled_worker_timeout=SILENCE_S,
                    worker_middleware=[timed],
                )
            except (ConnectorException, *OUTAGE) as error:
                log.warning("queue.lost", error=str(error))
            await asyncio.sleep(_AGAIN_S)

    def _add_tasks(self, queue: App) -> None:
        async def run(timestamp: int, name: str) -> None:
            if job := self._jobs.get(name):
                await _Doing(self._database, self._live, job, task).do()

        task: Task[..., Any, ...] = queue.task(name=RUN_JOB, queue=TIMETABLE)(run)
        for job in self._jobs.values():
            queue.periodic(
                cron=job.cron,
                periodic_id=job.name,
                queue=TIMETABLE,
                task_kwargs={"name": job.name},
                **_apart(job),
            )(task)


class _Doing:
    """One tick of one job."""

    def __init__(self, database: Database, live: Live, job: PeriodicJob, task: Task[..., Any, ...]) -> None:
        self._database = database
        self._live = live
        self._job = job
        self._task = task
        self._token = 0
        """Of the lock, once the job has begun."""
        self._began = time.monotonic()

    async def do(self) -> None:
        """Do the job if it is free and not left alone; else see that it is looked at again in time."""
        if self._job.can_be_done_here is not None and not await self._job.can_be_done_here():
            return await self._again(_in(_ELSEWHERE_S))
        rests_until = await outlast(self._rests_until)
        if rests_until is not None:
            return await self._again(rests_until)
        try:
            await self._under_the_lock()
        except asyncio.CancelledError:
            # The database may be what keeps the process from ending.
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await self._end(Outcome.STOPPED)
            raise
        except LeaseLost:
            await self._end(Outcome.LOST)
        except NotNow as error:
            await self._end(Outcome.STOPPED, error.message, until=max(error.until, _in(_AGAIN_S)))
        except (LockTaken, LocksUnavailable) as error:
            if not self._token:
                # Who was killed renews it no more: it may be free at any moment from now on.
                pause_s = self._job.ttl_s / 3 if isinstance(error, LockTaken) else _AWAY_S
                log.info("job.postponed", job=self._job.name, reason=error.code)
                return await self._again(_in(pause_s))
            await self._fail(error)
        except Exception as error:
            log.exception("job.failed", job=self._job.name)
            await self._fail(error)
        else:
            await self._end(Outcome.SUCCEEDED)
        return None

    async def _rests_until(self) -> datetime | None:
        async with self._database.connection() as connection:
            return await timetable.rests_until(connection, self._job.name)

    async def _under_the_lock(self) -> None:
        job = self._job
        async with redis_lock(self._live, self._database, job.name, ttl_s=job.ttl_s) as held:
            async with held.transaction(self._database) as tx:
                await timetable.begin(tx, job.name, cron=job.cron, token=held.token)
            self._token = held.token
            await job.body(held)

    async def _fail(self, error: Exception) -> None:
        # What others wrote into an error may hold a secret: it is in the log, which leaves those out.
        reason = error.message if isinstance(error, TelewrightError) else type(error).__name__
        await self._end(Outcome.FAILED, reason)

    async def _end(
        self, outcome: Outcome, reason: str | None = None, *, until: datetime | None = None
    ) -> None:
        """Note how it ended, and see that what did not succeed is done again."""
        RUNS.labels(self._job.name, outcome).inc()
        DURATION.labels(self._job.name).observe(time.monotonic() - self._began)
        rests_until = await outlast(lambda: self._note(outcome, reason, until))
        if outcome is not Outcome.SUCCEEDED:
            await self._again(rests_until or _in(_AGAIN_S))

    async def _note(self, outcome: Outcome, reason: str | None, until: datetime | None) -> datetime | None:
        async with self._database.transaction() as tx:
            return await timetable.end(
                tx,
                self._job.name,
                token=self._token,
                outcome=outcome,
                error=reason,
                until=until,
                longest_pause_s=self._job.longest_pause_s,
            )

    async def _again(self, at: datetime) -> None:
        """Have the job looked at again, before its next tick if need be."""
        deferrer = self._task.configure(schedule_at=at, **_apart(self._job))
        while True:
            try:
                # Another tick that waits will see to it.
                with suppress(AlreadyEnqueued):
                    await deferrer.defer_async(timestamp=int(at.timestamp()), name=self._job.name)
            except (ConnectorException, *OUTAGE) as error:
                log.warning("queue.lost", error=str(error))
                await asyncio.sleep(_AGAIN_S)
            else:
                return


def _apart(job: PeriodicJob) -> dict[str, Any]:
    """Return what keeps the ticks of a job apart: one is done at a time, and one more waits at most."""
    return {"lock": f"timetable:{job.name}", "queueing_lock": f"timetable:{job.name}"}


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)
