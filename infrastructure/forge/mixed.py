"""Projects' repositories on GitHub beside those that were made on this machine before it was configured."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from infrastructure.forge.protocol import Commit, Forge, LogEntry, Repository
from infrastructure.forge.reading import FileInfo, Reading


class ReadableForge(Forge, Reading, Protocol):
    """A forge whose commits can be read without writing them out."""


class MixedForge:
    """A `Forge` that makes repositories in one place, and finds those of this machine where they are."""

    def __init__(self, new: ReadableForge, local: ReadableForge) -> None:
        """Put the two together.

        Args:
            new: Where repositories are made from now on.
            local: Where those are whose address is a directory of this machine.
        """
        self._new = new
        self._local = local

    async def ensure_repository(
        self, name: str, description: str, *, owner_key: str, known_id: int | None = None
    ) -> Repository:
        """See `Forge.ensure_repository`."""
        return await self._new.ensure_repository(name, description, owner_key=owner_key, known_id=known_id)

    async def commit(
        self,
        repository: Repository,
        tree: Path,
        *,
        branch: str,
        message: str,
        author_date: datetime,
        expected_parent: str | None,
        trailers: Mapping[str, str] = {},
    ) -> Commit:
        """See `Forge.commit`."""
        return await self._of(repository).commit(
            repository,
            tree,
            branch=branch,
            message=message,
            author_date=author_date,
            expected_parent=expected_parent,
            trailers=trailers,
        )

    async def head(self, repository: Repository, branch: str) -> str | None:
        """See `Forge.head`."""
        return await self._of(repository).head(repository, branch)

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        """See `Forge.export`."""
        await self._of(repository).export(repository, commit, target)

    async def log(self, repository: Repository, branch: str, *, limit: int = 20) -> list[LogEntry]:
        """See `Forge.log`."""
        return await self._of(repository).log(repository, branch, limit=limit)

    async def save_work(self, repository: Repository, tree: Path, *, run: str, author_date: datetime) -> str:
        """See `Forge.save_work`."""
        return await self._of(repository).save_work(repository, tree, run=run, author_date=author_date)

    async def saved_work(self, repository: Repository, *, run: str) -> str | None:
        """See `Forge.saved_work`."""
        return await self._of(repository).saved_work(repository, run=run)

    async def drop_work(self, repository: Repository, *, run: str) -> None:
        """See `Forge.drop_work`."""
        await self._of(repository).drop_work(repository, run=run)

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        """See `Reading.files`."""
        return await self._of(repository).files(repository, commit)

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        """See `Reading.contents`."""
        return await self._of(repository).contents(repository, blobs)

    async def archive(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.archive`."""
        await self._of(repository).archive(repository, owner_key=owner_key)

    async def remove(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.remove`."""
        await self._of(repository).remove(repository, owner_key=owner_key)

    def _of(self, repository: Repository) -> ReadableForge:
        return self._local if repository.is_local else self._new
