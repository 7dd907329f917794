"""Where a home's servers listen: Unix sockets in a directory that only its user may enter.

A socket's path may have 107 bytes (`sun_path` in unix(7)), and PostgreSQL reads a comma in
it as a list. A home whose path is long or unusual therefore gets a private directory in
/tmp, which `<home>/run` points to, so that every process of that home finds it. Its name
is made up by `mkdtemp`, so nobody can have put something there before.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

LONGEST_DIRECTORY = 75
"""Bytes; leaves 32 of the 107 for the name of a socket."""

PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")
OWNER = "home"
"""A file in a directory in /tmp that names the home it belongs to."""


def socket_directory(home: Path) -> Path:
    """Return the directory for a home's sockets, making it when there is none."""
    found = find_socket_directory(home)
    if found is not None:
        return found
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    if _fits(home / "run"):
        (home / "run").mkdir(mode=0o700, exist_ok=True)
        (home / "run").chmod(0o700)
        return home / "run"
    return _private_directory(home)


def find_socket_directory(home: Path) -> Path | None:
    """Return the directory for a home's sockets, or `None` when it has none yet."""
    run = home / "run"
    if not run.is_symlink():
        return run if _fits(run) and _is_private(run) else None
    target = run.readlink()
    belongs = _is_private(target) and (target / OWNER).is_file() and (target / OWNER).read_text() == str(home)
    return target if belongs else None


def _private_directory(home: Path) -> Path:
    base = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108  (TMPDIR may be long itself)
    target = Path(tempfile.mkdtemp(prefix="telewright-", dir=base))
    (target / OWNER).write_text(str(home))
    link = home / f"run.{os.getpid()}"
    link.symlink_to(target)
    link.replace(home / "run")
    return target


def _fits(directory: Path) -> bool:
    return len(os.fsencode(directory)) <= LONGEST_DIRECTORY and PLAIN.fullmatch(str(directory)) is not None


def _is_private(directory: Path) -> bool:
    try:
        seen = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and not seen.st_mode & 0o077
