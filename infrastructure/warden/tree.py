"""Directory trees that hostile code writes: walked without following it anywhere.

Every step is relative to an open directory and follows no symbolic link, so
that a directory swapped for a link in the middle of a walk leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MAX_DEPTH = 100
"""Deeper than projects go, and shallow enough for `shutil.rmtree`, which recurses."""

ENTRY_BYTES = 1024
"""What an entry costs besides its blocks, so that a million empty files are not free."""

MIB = 1024 * 1024


class Entry(NamedTuple):
    """One entry of an open directory."""

    directory: int
    name: str
    status: os.stat_result


class TooDeep(OSError):
    """The directories are nested too deep."""


def entries(root: str) -> Iterator[Entry]:
    """Walk everything below a directory, each directory before what is in it.

    What vanishes or cannot be read is left out.

    Raises:
        TooDeep: Somewhere it goes deeper than `MAX_DEPTH`.
    """
    yield from _below(os.open(root, os.O_RDONLY | os.O_DIRECTORY), 1)


def size(root: str) -> int:
    """Return the bytes on disk of everything below a directory."""
    return sum(entry.status.st_blocks * 512 + ENTRY_BYTES for entry in entries(root))


def hand_over(root: str, owner: int | None) -> int:
    """Make a tree fit to be written by hostile code, and return its size in bytes.

    A file with several hard links gets a copy of its own: writing to it would
    reach its other names, outside (git and uv link their stores this way).

    Args:
        root: The directory.
        owner: The user and group everything shall belong to; None: stays as it is.
    """
    if owner is not None:
        os.chown(root, owner, owner, follow_symlinks=False)
    total = 0
    for directory, name, status in entries(root):
        total += status.st_blocks * 512 + ENTRY_BYTES
        # A service's own old instance may write here at the same time.
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
                _unlink_from_others(directory, name)
            if owner is not None:
                os.chown(name, owner, owner, dir_fd=directory, follow_symlinks=False)
    return total


def take_back(root: str, owner: int | None) -> None:
    """Make a tree fit to be read and deleted by us, once nothing hostile runs in it.

    Nothing in it stays set-user-id, every directory can be entered, and what is
    nested too deep for others to delete is deleted.

    Args:
        root: The directory.
        owner: The user and group everything shall belong to; None: stays as it is.
    """
    if owner is not None:
        os.chown(root, owner, owner, follow_symlinks=False)
    top = Path(root)
    top.chmod(stat.S_IMODE(top.stat().st_mode) & 0o777 | stat.S_IRWXU)
    _take_back_below(os.open(root, os.O_RDONLY | os.O_DIRECTORY), owner, 1)


def _take_back_below(directory: int, owner: int | None, depth: int) -> None:
    try:
        for name in os.listdir(directory):
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if owner is not None:
                os.chown(name, owner, owner, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                continue
            mode = stat.S_IMODE(status.st_mode) & 0o777 | stat.S_IRUSR | stat.S_IWUSR
            if not stat.S_ISDIR(status.st_mode):
                os.chmod(name, mode, dir_fd=directory)
            elif depth < MAX_DEPTH:
                os.chmod(name, mode | stat.S_IXUSR, dir_fd=directory)
                _take_back_below(_open_directory(directory, name), owner, depth + 1)
            else:
                _delete(directory, name)
    finally:
        os.close(directory)


def _delete(directory: int, name: str) -> None:
    # `rm` walks any depth; chmod first, since it cannot enter what is closed to it.
    for command in (["chmod", "-R", "u+rwX", "--", f"./{name}"], ["rm", "-rf", "--", f"./{name}"]):
        subprocess.run(command, cwd=f"/proc/self/fd/{directory}", pass_fds=[directory], check=False)


def _below(directory: int, depth: int) -> Iterator[Entry]:
    try:
        for name in os.listdir(directory):
            try:
                status = os.stat(name, dir_fd=directory, follow_symlinks=False)
                yield Entry(directory, name, status)
                if not stat.S_ISDIR(status.st_mode):
                    continue
                if depth >= MAX_DEPTH:
                    raise TooDeep(f"{name} is nested deeper than {MAX_DEPTH} directories")
                inner = _open_directory(directory, name)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue
            yield from _below(inner, depth + 1)
    finally:
        os.close(directory)


def _open_directory(directory: int, name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)


def _unlink_from_others(directory: int, name: str) -> None:
    copy = f".{name[:200]}.{os.getpid()}"
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    try:
        status = os.fstat(source)
        target = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
        try:
            while os.sendfile(target, source, None, 16 * MIB):
                pass
            os.fchmod(target, stat.S_IMODE(status.st_mode) & 0o777)
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(target)
        os.rename(copy, name, src_dir_fd=directory, dst_dir_fd=directory)
    finally:
        os.close(source)
