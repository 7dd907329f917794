"""Repositories on this machine: bare git directories under the home."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from infrastructure.forge import bare, reading
from infrastructure.forge.bare import BareRepository, branch_reference, require_name, work_reference
from infrastructure.forge.git import Git
from infrastructure.forge.protocol import Commit, LogEntry, NameTaken, NoRepository, Repository
from infrastructure.forge.reading import FileInfo
from infrastructure.forge.snapshots import write_snapshot
from infrastructure.locks import locked

OWNER = "telewright.owner"


class LocalForge:
    """A `Forge` of bare repositories in `<home>/repositories/<name>.git`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "repositories"

    async def ensure_repository(
        self, name: str, description: str, *, owner_key: str, known_id: int | None = None
    ) -> Repository:
        """See `Forge.ensure_repository`; names are all that a local repository is known by."""
        directory = self._directory(name)
        async with self._locked(name) as lock:
            if not directory.is_dir():
                await bare.create(
                    directory, description=description, settings={OWNER: owner_key}, lock=lock
                )  # fmt: skip
            await self._refuse_foreign(directory, owner_key)
        return Repository(name, str(directory))

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
        reference = branch_reference(branch)
        async with self._at_work(repository) as local:
            proposal = await local.propose(
                tree,
                branch=branch,
                head=await local.head(reference),
                message=message,
                author_date=author_date,
                expected_parent=expected_parent,
                trailers=trailers,
            )
            if not proposal.stands:
                # git compares and sets, so that even a push past our lock is seen.
                await local.git(
                    "update-ref", "--create-reflog", reference, proposal.sha, expected_parent or "0" * 40
                )  # fmt: skip
        return Commit(proposal.sha, f"{repository.url}#{proposal.sha}")

    async def head(self, repository: Repository, branch: str) -> str | None:
        """See `Forge.head`."""
        return await self._bare(repository).head(branch_reference(branch))

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        """See `Forge.export`."""
        await self._bare(repository).export(commit, target)

    async def log(self, repository: Repository, branch: str, *, limit: int = 20) -> list[LogEntry]:
        """See `Forge.log`."""
        return await self._bare(repository).log(branch_reference(branch), limit)

    async def save_work(
        self, repository: Repository, tree: Path, *, run: str, author_date: datetime
    ) -> str:  # fmt: skip
        """See `Forge.save_work`."""
        reference = work_reference(run)
        async with self._at_work(repository) as local:
            sha = await write_snapshot(local, tree, run=run, author_date=author_date)
            await local.git("update-ref", reference, sha)
        return sha

    async def saved_work(self, repository: Repository, *, run: str) -> str | None:
        """See `Forge.saved_work`."""
        return await self._bare(repository).head(work_reference(run))

    async def drop_work(self, repository: Repository, *, run: str) -> None:
        """See `Forge.drop_work`."""
        reference = work_reference(run)
        async with self._at_work(repository) as local:
            await local.git("update-ref", "-d", reference)

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        """See `Reading.files`."""
        return await reading.files(self._bare(repository).git, commit)

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        """See `Reading.contents`."""
        return await reading.contents(self._bare(repository).git, blobs)

    async def archive(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.archive`."""
        directory = self._directory(repository.name)
        async with self._locked(repository.name):
            if directory.is_dir():
                await self._refuse_foreign(directory, owner_key)
                shelf = self._root / ".archived"
                shelf.mkdir(exist_ok=True)
                directory.rename(_free(shelf, repository.name, owner_key))

    async def remove(self, repository: Repository, *, owner_key: str) -> None:
        """See `Forge.remove`."""
        directory = self._directory(repository.name)
        async with self._locked(repository.name):
            if directory.is_dir():
                await self._refuse_foreign(directory, owner_key)
                # Gone at once for everybody else, whenever the files follow.
                doomed = self._root / f".new-{repository.name}"
                await asyncio.to_thread(shutil.rmtree, doomed, ignore_errors=True)
                directory.rename(doomed)
                await asyncio.to_thread(shutil.rmtree, doomed, ignore_errors=True)

    async def _refuse_foreign(self, directory: Path, owner_key: str) -> None:
        owner = (await Git(directory)("config", "--get", OWNER, allowed=(0, 1))).output.decode().rstrip("\n")
        if owner != owner_key:
            raise NameTaken(f"A repository called {directory.stem} belongs to another project")

    def _bare(self, repository: Repository, lock: int | None = None) -> BareRepository:
        directory = self._directory(repository.name)
        if not directory.is_dir():
            raise NoRepository(
                f"There is no repository called {repository.name} on this machine",
                advice="Start the work on the machine on which the repository is, or configure GitHub.",
            )
        return BareRepository(repository.name, Git(directory, lock=lock))

    @asynccontextmanager
    async def _at_work(self, repository: Repository) -> AsyncIterator[BareRepository]:
        """Be the only worker that changes a repository, and find it as no crash has left it."""
        async with self._locked(repository.name) as lock:
            local = self._bare(repository, lock)
            await local.remove_stale_locks()
            yield local

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[int]:
        # Outside the repository, so that it stays when the repository goes.
        async with locked(self._root / ".locks" / f"{name}.lock") as lock:
            yield lock

    def _directory(self, name: str) -> Path:
        return self._root / f"{require_name(name)}.git"


def _free(shelf: Path, name: str, owner_key: str) -> Path:
    owner = hashlib.sha256(owner_key.encode()).hexdigest()[:12]
    place = shelf / f"{name}-{owner}.git"
    return place if not place.exists() else shelf / f"{name}-{owner}-{uuid.uuid4().hex[:8]}.git"
