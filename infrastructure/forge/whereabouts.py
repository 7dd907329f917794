"""Reading each repository where it is: those with a number on GitHub, the others on this machine."""

from __future__ import annotations

from collections.abc import Collection

from infrastructure.forge.protocol import Repository
from infrastructure.forge.reading import FileInfo, Reading


class Whereabouts:
    """A `Reading` of an installation that was connected to GitHub when it had projects already."""

    def __init__(self, *, here: Reading, there: Reading) -> None:
        """Put it together.

        Args:
            here: Reads what is known by its name alone.
            there: Reads what has a number.
        """
        self._here = here
        self._there = there

    async def head(self, repository: Repository, branch: str) -> str | None:
        """See `Reading.head`."""
        return await self._of(repository).head(repository, branch)

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        """See `Reading.files`."""
        return await self._of(repository).files(repository, commit)

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        """See `Reading.contents`."""
        return await self._of(repository).contents(repository, blobs)

    def _of(self, repository: Repository) -> Reading:
        return self._here if repository.id is None else self._there
