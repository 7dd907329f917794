"""Child processes that are kept running, and none of which outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter

from shared.errors import Unavailable

PR_SET_PDEATHSIG = 1
"""From linux/prctl.h; prctl(2)."""

LIBC = ctypes.CDLL(None, use_errno=True)

STARTS = CollectorRegistry()
"""What the parent counts itself: its children count the rest, of which it has metrics of the same names."""

STARTED = Counter(
    "telewright_process_starts_total",
    "Starts of the processes of `telewright up`",
    ["process"],
    registry=STARTS,
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to bear with a child."""

    quick_s: float = 10
    """A life shorter than this counts as a failure to start."""
    quick_deaths: int = 5
    """So many of them in a row, and it is given up."""
    first_pause_s: float = 0.5
    """The pause before the second start; doubled each time."""
    drain_s: float = 30
    """How long it may finish its work after SIGTERM."""


class ChildGivenUp(Unavailable):
    """A process ends as soon as it is started."""

    code = "child_given_up"
    advice = "Its own log lines above say why; `telewright doctor` checks what it needs."
    transient = False


class Child:
    """One role in a process of its own."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        hurry: asyncio.Event,
        patience: Patience | None = None,
    ) -> None:
        """Describe the child; nothing is started yet.

        Args:
            name: What it is called in the log.
            command: The program and its arguments.
            environment: All of its environment.
            hurry: Set when it shall end at once and not drain.
            patience: How long to bear with it.
        """
        self._name = name
        self._command = command
        self._environment = environment
        self._hurry = hurry
        self._patience = patience or Patience()

    async def keep_running(self) -> None:
        """Start it, and again whenever it dies; when cancelled, let it drain and end.

        Raises:
            ChildGivenUp: It died too quickly too often.
        """
        quick_deaths = 0
        while True:
            started = time.monotonic()
            code = await self._live()
            lasted = time.monotonic() - started
            log.error("process.died", process=self._name, exit_code=code, after_s=round(lasted, 1))
            quick_deaths = quick_deaths + 1 if lasted < self._patience.quick_s else 0
            if quick_deaths >= self._patience.quick_deaths:
                raise ChildGivenUp(f"The {self._name} died {quick_deaths} times as soon as it was started.")
            await asyncio.sleep(self._patience.first_pause_s * 2 ** max(0, quick_deaths - 1))

    async def _live(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            # Ctrl-C reaches a whole foreground process group; the children are told by us, in order.
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()),
        )
        STARTED.labels(self._name).inc()
        log.info("process.started", process=self._name, pid=process.pid)
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                await self._end(process)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        _signal(process, signal.SIGTERM)
        ended, hurried = asyncio.create_task(process.wait()), asyncio.create_task(self._hurry.wait())
        await asyncio.wait(
            {ended, hurried}, timeout=self._patience.drain_s, return_when=asyncio.FIRST_COMPLETED
        )
        hurried.cancel()
        if not ended.done():
            log.warning("process.killed", process=self._name, pid=process.pid)
            _signal(process, signal.SIGKILL)
        await ended
        log.info("process.stopped", process=self._name, pid=process.pid, exit_code=process.returncode)


class _end_with:  # noqa: N801  (reads as what is asked of the child)
    """Asks the kernel, in a child about to run its program, for SIGTERM when its parent is gone."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def __call__(self) -> None:
        if sys.platform != "linux":
            return
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._parent:  # it was gone before we asked
            os._exit(1)


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
