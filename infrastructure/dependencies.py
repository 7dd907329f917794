"""The packages a project runs with and is tested with, installed once per lock file."""

from __future__ import annotations

from pathlib import Path

from shared.errors import BadInput, Unavailable

RUNTIME_LOCK = "requirements.lock"
TEST_LOCK = "requirements-test.lock"


class BadLock(BadInput):
    """A lock file cannot be used."""

    code = "bad_lock"
    advice = "Write it again with `uv pip compile --generate-hashes`, with wheels from an index only."


class DependenciesUnavailable(Unavailable):
    """The project's packages could not be installed."""

    code = "dependencies_unavailable"
    advice = "Look whether the package index can be reached, then try again."


class Dependencies:
    """Directories of installed packages under a home, one per content of a lock file."""

    def __init__(self, home: Path) -> None:
        self._root = home / "dependencies"

    async def runtime(self, project: Path) -> Path:
        """Return the directory of what a project runs with, installing it first if need be.

        Args:
            project: The project's directory, with a `requirements.lock`.

        Raises:
            BadLock: The lock file is missing, or asks for more than hashed wheels.
            DependenciesUnavailable: Neither the cache nor the index has them.
        """
        raise NotImplementedError

    async def testing(self, project: Path) -> Path:
        """Return the directory of what a project runs and is tested with.

        Args:
            project: The project's directory, with both lock files.

        Raises:
            BadLock: A lock file is missing, or asks for more than hashed wheels.
            DependenciesUnavailable: Neither the cache nor the index has them.
        """
        raise NotImplementedError
