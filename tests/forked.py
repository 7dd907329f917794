"""Processes forked from one that has the imports: as real as others to whoever kills them, without seconds of starting.

What is forked is this process's `multiprocessing` fork server, which does nothing but import (`tests.imported`)
and so has no threads, connections or event loop to share. That each command also starts from nothing is the
business of the tests of `telewright up`, `chat` and `demo`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["tests.imported"])


class Forked:
    """A process that does one thing; it is handled as a `subprocess.Popen` is."""

    def __init__(
        self,
        work: Callable[..., object],
        *arguments: str,
        environment: Mapping[str, str],
        directory: Path | None = None,
        log: Path | None = None,
    ) -> None:
        """Start it.

        Args:
            work: What it does: a function of a module.
            arguments: Passed to it.
            environment: All of its environment.
            directory: Where it works; where this process does if there is none.
            log: Where what it writes is appended; else it is written where this process writes.
        """
        self._process: ForkServerProcess = FORKING.Process(
            target=_live,
            args=(work, arguments, dict(environment), str(directory or Path.cwd()), log and str(log)),
            # Else a process that a test has left behind would keep the session from ending.
            daemon=True,
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, negative if a signal ended it; None while it lives."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait until it has ended, and return its exit code.

        Raises:
            TimeoutError: It lives on.
        """
        self._process.join(timeout_s)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"process {self.pid} did not end in {timeout_s} s")
        return code


def _live(
    work: Callable[..., object],
    arguments: tuple[str, ...],
    environment: dict[str, str],
    directory: str,
    log: str | None,
) -> None:
    """Be the process, and end as an interpreter does: with an exit code, and what was to be done at exit."""
    _keep_to_itself()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    if log is not None:
        _write_to(log)
    try:
        work(*arguments)
    finally:
        # `multiprocessing` leaves by `os._exit`.
        atexit._run_exitfuncs()


def _keep_to_itself() -> None:
    """Pass on none of the fork server's pipes: it would live for as long as whatever this process starts."""
    for descriptor in [int(file.name) for file in Path("/dev/fd").iterdir()]:
        with suppress(OSError):  # of the listing itself
            os.set_inheritable(descriptor, descriptor <= 2)


def _write_to(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
