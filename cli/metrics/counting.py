"""What the processes of one machine have counted, where `telewright up` can read it.

prometheus_client keeps each process's figures in files that are mapped into memory: they can be read while
the process is busy, paused or dead. Each role goes on in the files of the process before it, so that a
counter does not begin anew when a process does, and a hundred restarts leave no more files than one.

Nothing may be imported that counts before `join` was called.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import multiprocess, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

ROLE: Final = "TELEWRIGHT_ROLE"
"""The variable by which `up` tells a child as what it counts."""

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own variable; it reads it when it is imported first, and when it opens a file."""


class Tally(Collector):
    """The files that the children of one `up` count in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def environment(self, role: str) -> dict[str, str]:
        """Return what a child has to find in its environment, to count here and to serve nothing itself."""
        return {_DIRECTORY: str(self._directory), ROLE: role, "METRICS_ADDRESS": ""}

    def collect(self) -> Iterator[Metric]:
        """Return what all of them have counted, ended ones as well."""
        files = [str(file) for file in self._directory.glob("*.db") if _has_size(file)]
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]


def _has_size(file: Path) -> bool:
    """Return whether a file can be read: it is empty while it is opened, and a gauge's goes with its process."""
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False


@contextmanager
def tally(home: Path) -> Iterator[Tally]:
    """Lend a place to count in that is empty, and is gone afterwards; for whoever has claimed the home.

    It has a name of its own: children of an `up` that was killed may still be at their last work.
    """
    root = home / "metrics"
    shutil.rmtree(root, ignore_errors=True)
    directory = root / str(os.getpid())
    directory.mkdir(parents=True, mode=0o700)
    try:
        yield Tally(directory)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def join() -> None:
    """Count where `up` reads, if it has said so; what a dead process of this role has left of gauges is removed."""
    role = os.environ.get(ROLE)
    if role is None:
        return
    multiprocess.mark_process_dead(role)  # type: ignore[no-untyped-call]
    values.ValueClass = values.MultiProcessValue(lambda: role)  # type: ignore[no-untyped-call]
