"""Where a run works: one directory per run, made again after a crash and gone at the end.

What stands in a workspace was written by hostile code, so that nothing here
follows a symbolic link.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import stat
import uuid
from pathlib import Path, PurePosixPath

from infrastructure import programs
from shared.errors import BadInput, NotFound

DOOMED = ".doomed-"
"""How the name of a directory begins that is being deleted."""

_RUN_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,98}[A-Za-z0-9])?")


class Workspaces:
    """The directories under `<home>/workspaces`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "workspaces"

    async def ensure(self, run_id: str) -> Path:
        """Return the run's directory, making it if there is none."""
        directory = self._directory(run_id)
        await asyncio.to_thread(directory.mkdir, mode=0o700, parents=True, exist_ok=True)
        return directory

    async def reset(self, run_id: str) -> Path:
        """Return the run's directory, empty, whatever an earlier attempt left in it."""
        await self.remove(run_id)
        return await self.ensure(run_id)

    async def remove(self, run_id: str) -> None:
        """Delete the run's directory. One that is gone already is fine."""
        await _delete(self._directory(run_id), self._root)

    async def there_are(self) -> dict[str, float]:
        """Return the ids of runs that have a directory, with when it was changed, in seconds since 1970."""
        return await asyncio.to_thread(_directories, self._root)

    async def remove_doomed(self) -> None:
        """Delete what was put aside to be deleted, by whoever did not live to do it."""
        await _delete_doomed(self._root)

    async def read(self, run_id: str, path: str, *, limit: int = 1024 * 1024) -> bytes:
        """Return a file's first `limit` bytes, following no symbolic link.

        Args:
            run_id: Whose workspace.
            path: From the workspace, with `/`.
            limit: The most bytes that are read.

        Raises:
            NotFound: There is no such regular file inside the workspace.
        """
        return await asyncio.to_thread(_read, self._directory(run_id), path, limit)

    def _directory(self, run_id: str) -> Path:
        if not _RUN_ID.fullmatch(run_id):
            raise BadInput(f"{run_id[:50]!r} cannot be the id of a run")
        return self._root / run_id


async def _delete(directory: Path, root: Path) -> None:
    """Delete a directory that may be deep, closed or half deleted already."""
    # Gone at once, so that a crash in the middle never leaves half a workspace.
    if await asyncio.to_thread(_put_aside, directory, root):
        await _delete_doomed(root)


async def _delete_doomed(root: Path) -> None:
    doomed = [str(place) for place in await asyncio.to_thread(_put_aside_before, root)]
    if not doomed:
        return
    # Programs, because Python's own recursion ends at a depth that hostile code can pass.
    # Neither follows a symbolic link it meets.
    await programs.run(["chmod", "-R", "u+rwX", "--", *doomed])
    await programs.run(["rm", "-rf", "--one-file-system", "--", *doomed], timeout_s=600)


def _directories(root: Path) -> dict[str, float]:
    found = {}
    for directory in root.glob("[!.]*"):
        # One may be removed by its own run meanwhile.
        with contextlib.suppress(FileNotFoundError):
            found[directory.name] = directory.lstat().st_mtime
    return found


def _put_aside(directory: Path, root: Path) -> bool:
    try:
        directory.rename(root / f"{DOOMED}{uuid.uuid4().hex}")
    except FileNotFoundError:
        return False
    return True


def _put_aside_before(root: Path) -> list[Path]:
    return list(root.glob(f"{DOOMED}*"))


def _read(directory: Path, path: str, limit: int) -> bytes:
    """Open a file part by part, each relative to the one before, so that no link is passed."""
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or parts[0] == "/":
        raise NotFound(f"{path[:200]!r} is no file of the workspace")
    descriptor = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in (directory.name, *parts):
            # Non-blocking, because a pipe would wait for somebody to write.
            above, descriptor = (
                descriptor,
                os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor),
            )
            os.close(above)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotFound(f"{path[:200]!r} is no file of the workspace")
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:
        raise NotFound(f"{path[:200]!r} is no file of the workspace") from error
    finally:
        os.close(descriptor)
