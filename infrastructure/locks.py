"""Locks between processes of one machine, which no crash leaves behind.

They are flock(2) locks: the kernel frees them with the last process that
holds the file open, so that a program started under the lock (see
`programs.run(keep_open=…)`) holds it even if we are killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shared.errors import Unavailable

POLL_S = 0.02


class LockBusy(Unavailable):
    """Somebody else is at work on the same thing."""

    code = "lock_busy"
    advice = "Try again in a minute."


@asynccontextmanager
async def locked(file: Path, *, timeout_s: float = 120) -> AsyncIterator[int]:
    """Hold the lock of a file while the block runs.

    Args:
        file: Made if it is missing, and left there: removing it would be a race.
        timeout_s: Seconds to wait for others.

    Yields:
        The file descriptor that holds the lock.

    Raises:
        LockBusy: Others held it for too long.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            async with asyncio.timeout(timeout_s):
                # Polled, because a thread that waits in flock() cannot be cancelled.
                while not _taken(descriptor):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise LockBusy from error
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
