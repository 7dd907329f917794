"""When the job runs, and what became of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

log = logging.getLogger(__name__)


class BadSchedule(ValueError):
    """SCHEDULE cannot be used."""


@dataclass(frozen=True)
class Run:
    """One run of the job."""

    started_at: str
    duration_s: float
    ok: bool
    error: str | None = None


class Schedule:
    """Runs a job at the times a cron expression names, never twice at once."""

    def __init__(self, expression: str, job: Callable[[], None]) -> None:
        try:
            trigger = CronTrigger.from_crontab(expression, timezone=UTC)
        except ValueError as error:
            raise BadSchedule(f"SCHEDULE is no cron expression: {expression!r} ({error})") from error
        self._job = job
        self._lock = threading.Lock()
        self._last: Run | None = None
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._task = self._scheduler.add_job(
            self.run_now,
            trigger,
            max_instances=1,
            # After a pause of the machine: once, however many times were missed.
            coalesce=True,
            misfire_grace_time=300,
        )

    def start(self) -> None:
        """Begin to run the job on time."""
        self._scheduler.start()
        log.info("the next run is at %s", self.next_run())

    def stop(self) -> None:
        """Begin no run any more, and wait for the one under way."""
        self._scheduler.shutdown(wait=True)

    def run_now(self) -> Run:
        """Run the job once and remember what became of it."""
        with self._lock:
            started = datetime.now(UTC)
            error = None
            try:
                self._job()
            except Exception as problem:
                log.exception("the job failed")
                error = f"{type(problem).__name__}: {problem}"
            duration = (datetime.now(UTC) - started).total_seconds()
            self._last = Run(started.isoformat(timespec="seconds"), round(duration, 3), error is None, error)
            return self._last

    def next_run(self) -> str | None:
        """Return when the job runs next, or None if it is not going to."""
        # A job that waits for the scheduler's start has no such attribute yet.
        moment: datetime | None = getattr(self._task, "next_run_time", None)
        return None if moment is None else moment.isoformat(timespec="seconds")

    def status(self) -> dict[str, Any]:
        """Return what /health says; `status` is `ok` while there is a next run."""
        running = self._scheduler.running and self.next_run() is not None
        return {
            "status": "ok" if running else "failing",
            "last_run": None if self._last is None else asdict(self._last),
            "next_run": self.next_run(),
        }
