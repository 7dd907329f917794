"""Where a run works: one directory per run, made again after a crash and gone at the end."""

from __future__ import annotations

from pathlib import Path


class Workspaces:
    """The directories under `<home>/workspaces`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "workspaces"

    async def ensure(self, run_id: str) -> Path:
        """Return the run's directory, making it if there is none."""
        raise NotImplementedError

    async def reset(self, run_id: str) -> Path:
        """Return the run's directory, empty, whatever an earlier attempt left in it."""
        raise NotImplementedError

    async def remove(self, run_id: str) -> None:
        """Delete the run's directory. One that is gone already is fine."""
        raise NotImplementedError

    async def read(self, run_id: str, path: str, *, limit: int = 1024 * 1024) -> bytes:
        """Return a file's first `limit` bytes, following no symbolic link.

        Raises:
            NotFound: There is no such regular file inside the workspace.
        """
        raise NotImplementedError
