"""Who may do what with a home at the moment: locks that the kernel drops when their holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import Conflict

CLAIM = "up.lock"


@contextmanager
def claim(home: Path) -> Iterator[None]:
    """Be the one process that runs this home, until the block is left.

    Raises:
        Conflict: Another process runs it; the message names its pid.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / CLAIM).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Conflict(
                f"Telewright already runs on {home} (pid {lock.read().strip() or 'unknown'}).",
                advice="Use the one that runs, stop it, or set TELEWRIGHT_HOME to another directory.",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process is inside the block with the same path."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
