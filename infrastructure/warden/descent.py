"""From root to a user who may do nothing.

Real root is exempt from the kernel's limit on processes, and owns the files a
careless mount would show. So a root warden runs bubblewrap as a user of its
own. That user cannot reach below `/root`, where the mounts' sources may be:
they are shown to it in a place it can, in a mount namespace nobody else sees.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path

UNPRIVILEGED_ID = 60_977
"""User and group. Free on every distribution: above Debian's static ids, below systemd's
dynamic ones (https://systemd.io/UIDS-GIDS/)."""

STAGE = "/tmp"  # noqa: S108 - covered by a tmpfs of our own before it is used

_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000


def must_descend() -> bool:
    """Whether this process is a root that can become the unprivileged user."""
    return os.geteuid() == 0 and _is_mapped("uid") and _is_mapped("gid")


def staged(index: int) -> str:
    """Return where the source of that index is seen after the descent."""
    return f"{STAGE}/{index}"


def descend(sources: Sequence[str]) -> None:
    """Show the sources under `STAGE` and become the unprivileged user, for good.

    Raises:
        OSError: The kernel refuses, or a source is gone.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(_CLONE_NEWNS), "unshare")
    _mount(libc, None, "/", None, _MS_REC | _MS_PRIVATE)
    # Opened first: the stage may cover the directory they are in.
    opened = [os.open(source, os.O_PATH) for source in sources]
    _mount(libc, "tmpfs", STAGE, "tmpfs", 0, "mode=755")
    for index, descriptor in enumerate(opened):
        place = Path(staged(index))
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            place.mkdir()
        else:
            place.touch()
        _mount(libc, f"/proc/self/fd/{descriptor}", str(place), None, _MS_BIND | _MS_REC)
    os.setgroups([])
    os.setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    os.setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)


def _is_mapped(kind: str) -> bool:
    """Whether the id exists in this user namespace; in a rootless container it may not."""
    for line in Path(f"/proc/self/{kind}_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= UNPRIVILEGED_ID < first + count:
            return True
    return False


def _mount(
    libc: ctypes.CDLL, source: str | None, target: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, data)]
    _check(libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount {target}")


def _check(outcome: int, what: str) -> None:
    if outcome != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
