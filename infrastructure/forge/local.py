"""Repositories on this machine: bare git directories under the home."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from infrastructure.forge.protocol import Commit, LogEntry, Repository


class LocalForge:
    """A `Forge` of bare repositories in `<home>/repositories/<name>.git`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "repositories"

    async def ensure_repository(self, name: str, description: str, *, owner_key: str) -> Repository:
        """See `Forge.ensure_repository`."""
        raise NotImplementedError

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
        raise NotImplementedError

    async def head(self, repository: Repository, branch: str) -> str | None:
        """See `Forge.head`."""
        raise NotImplementedError

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        """See `Forge.export`."""
        raise NotImplementedError

    async def log(self, repository: Repository, branch: str, *, limit: int = 20) -> list[LogEntry]:
        """See `Forge.log`."""
        raise NotImplementedError

    async def archive(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.archive`."""
        raise NotImplementedError

    async def remove(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.remove`."""
        raise NotImplementedError
