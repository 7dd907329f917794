"""A disk without room: known by whatever fails for it, and told in one way."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import Unavailable

_SIGNS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
"""What the C library calls it, and so most programs."""


class DiskFull(Unavailable):
    """There is no room left on the disk."""

    code = "disk_full"
    advice = "Make room on the disk that holds TELEWRIGHT_HOME, then try again."


@contextmanager
def named_when_full() -> Iterator[None]:
    """Let a full disk be told as what it is, whichever call of the block meets it.

    Raises:
        DiskFull: Instead of an `OSError` that means it.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull from error


def is_full(error: OSError) -> bool:
    """Whether an error comes from a full disk or quota; `shutil.Error` gathers several in its text."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or says_full(str(error))


def says_full(complaint: str) -> bool:
    """Whether a program that we trust complains of a full disk or quota."""
    return any(sign in complaint for sign in _SIGNS)
