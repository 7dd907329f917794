"""Where releases' archives stand on this machine: `<home>/releases/<project>/<commit>.tar.gz`."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from shared.errors import BadInput

_ENDING = ".tar.gz"
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,98}[a-z0-9]")
_SHA = re.compile(r"[0-9a-f]{40}")


class Archives:
    """The archives below one home. One that is gone is built again when it is needed."""

    def __init__(self, home: Path) -> None:
        """Look at a home; nothing is made.

        Args:
            home: The installation's home on this machine.
        """
        self.root = home / "releases"

    def path(self, project: str, commit: str) -> Path:
        """Return where the archive of a release is, or would be.

        Raises:
            BadInput: No release is called so.
        """
        if not _PROJECT.fullmatch(project) or not _SHA.fullmatch(commit):
            raise BadInput(f"{project[:50]!r} at {commit[:50]!r} cannot be a release")
        return self.root / project / f"{commit}{_ENDING}"

    async def projects(self) -> list[str]:
        """Return the names of projects of which there are archives, or were."""
        return await asyncio.to_thread(self._projects)

    async def untouched_since(self, project: str, moment: float) -> list[str]:
        """Return the commits of a project's archives that were written before, in seconds since 1970; oldest first."""
        return await asyncio.to_thread(self._untouched_since, project, moment)

    async def remove(self, project: str, commits: Collection[str]) -> None:
        """Delete archives. One that is gone already is fine."""
        paths = [self.path(project, commit) for commit in commits]
        await asyncio.to_thread(_unlink, paths)

    async def remove_unfinished(self, project: str, moment: float) -> None:
        """Delete what was begun before, in seconds since 1970, by whoever did not live to finish it."""
        await asyncio.to_thread(self._remove_unfinished, project, moment)

    def _projects(self) -> list[str]:
        return sorted(path.name for path in self.root.glob("*") if _PROJECT.fullmatch(path.name))

    def _untouched_since(self, project: str, moment: float) -> list[str]:
        found = [
            (written, path.name.removesuffix(_ENDING))
            for path in (self.root / project).glob(f"*{_ENDING}")
            if (written := _written(path)) < moment
        ]
        return [commit for _, commit in sorted(found) if _SHA.fullmatch(commit)]

    def _remove_unfinished(self, project: str, moment: float) -> None:
        _unlink(path for path in (self.root / project).glob("*.new") if _written(path) < moment)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
