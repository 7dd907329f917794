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

from prometheus_client import values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from infrastructure.disk import named_when_full

ROLE: Final = "TELEWRIGHT_ROLE"
"""The variable by which `up` tells a child as what it counts."""

_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client's own variable; it reads it when it is imported first, and when it opens a file."""

_GAUGE: Final = "gauge_livemostrecent"
_KINDS: Final = ("counter", "histogram", _GAUGE)
"""What prometheus_client keeps in a file each, by its name for it."""

_SIZE: Final = 1 << 16
"""Bytes that it gives a file to begin with; they hold some three hundred values."""


class Tally(Collector):
    """The files that the children of one `up` count in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def environment(self, role: str) -> dict[str, str]:
        """Return what a child has to find in its environment, to count here and to serve nothing itself.

        Raises:
            DiskFull: There is no room for it to count in.
        """
        with named_when_full():
            for kind in _KINDS:
                _reserve(self._directory / f"{kind}_{role}.db")
        return {_DIRECTORY: str(self._directory), ROLE: role, "METRICS_ADDRESS": ""}

    def collect(self) -> Iterator[Metric]:
        """Return what all of them have counted, ended ones as well."""
        files = [str(file) for file in self._directory.glob("*.db")]
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]


def _reserve(file: Path) -> None:
    """Make a file whose bytes the disk has set aside.

    Memory that is a file's has no way to say that the disk is full but to end the process, at whatever
    it counts next; and a reader never meets a file that has no size yet.
    """
    with file.open("ab") as made:
        os.posix_fallocate(made.fileno(), 0, _SIZE)


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
    """Count where `up` reads, if it has said so; gauges of a dead process of this role say nothing any more."""
    role = os.environ.get(ROLE)
    if role is None:
        return
    _forget(Path(os.environ[_DIRECTORY], f"{_GAUGE}_{role}.db"))
    values.ValueClass = values.MultiProcessValue(lambda: role)  # type: ignore[no-untyped-call]


def _forget(file: Path) -> None:
    """Empty a file in place, by its first number, which says how much of it is used; `mark_process_dead` removes it."""
    with file.open("r+b") as kept:
        kept.write(bytes(8))
