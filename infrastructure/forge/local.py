"""Repositories on this machine: bare git directories under the home.

Every change holds a lock that the started git inherits. When a worker is
killed, its git may still be at work: the next one waits for it, and whatever
lock files of git it finds then are stale.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from infrastructure.forge.commits import INDEX, full_message, write_commit, write_tree
from infrastructure.forge.export import write_out
from infrastructure.forge.git import Git
from infrastructure.forge.protocol import (
    BranchMoved,
    Commit,
    LogEntry,
    NameTaken,
    NoCommit,
    NoRepository,
    Repository,
)
from infrastructure.locks import locked
from shared.errors import BadInput

OWNER = "telewright.owner"
STALE_AFTER_S = 2.0
"""A lock file of a git that we did not start, such as a person's push, is respected for so long."""

ATTRIBUTES = (
    "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding -diff -merge !crlf\n"
)
"""Stands above every `.gitattributes`: a commit is exported as it is, to the byte."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,98}[a-z0-9]")
_BRANCH = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|[./](?=[A-Za-z0-9_-])){0,99}")
_SHA = re.compile(r"[0-9a-f]{40}")


class LocalForge:
    """A `Forge` of bare repositories in `<home>/repositories/<name>.git`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "repositories"

    async def ensure_repository(self, name: str, description: str, *, owner_key: str) -> Repository:
        """See `Forge.ensure_repository`."""
        directory = self._directory(name)
        async with self._locked(name) as lock:
            if not directory.is_dir():
                await self._create(directory, description, owner_key, lock)
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
        reference = _reference(branch)
        text = full_message(message, trailers)
        async with self._at_work(repository) as git:
            head = await _head(git, reference)
            if expected_parent is not None and not await _exists(git, expected_parent):
                raise BranchMoved(f"{repository.name} has no commit {expected_parent[:12]} to build on")
            content = await write_tree(git, tree)
            sha = await write_commit(git, content, text, author_date, expected_parent)
            if head is not None and await _contains(git, head, sha):
                return _commit(repository, sha)
            if head != expected_parent:
                raise BranchMoved(
                    f"{branch} of {repository.name} stands at {_short(head)}, not at {_short(expected_parent)}"
                )
            # git compares and sets, so that even a push past our lock is seen.
            await git("update-ref", "--create-reflog", reference, sha, expected_parent or "0" * 40)
        return _commit(repository, sha)

    async def head(self, repository: Repository, branch: str) -> str | None:
        """See `Forge.head`."""
        return await _head(self._git(repository), _reference(branch))

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        """See `Forge.export`."""
        git = self._git(repository)
        if not await _exists(git, commit):
            raise NoCommit(f"{repository.name} has no commit {commit[:12]}")
        await asyncio.to_thread(_make_empty, target)
        await write_out(git, commit, target)

    async def log(self, repository: Repository, branch: str, *, limit: int = 20) -> list[LogEntry]:
        """See `Forge.log`."""
        git, reference = self._git(repository), _reference(branch)
        if await _head(git, reference) is None:
            return []
        lines = await git.text("log", f"--max-count={limit:d}", "--format=%H%x00%aI%x00%s", reference, "--")
        return [_log_entry(line) for line in lines.split("\n")]

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

    async def _create(self, directory: Path, description: str, owner_key: str, lock: int) -> None:
        """Make a repository beside its place, and put it there when it is whole."""
        new = self._root / f".new-{directory.stem}"
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        git = Git(new, lock=lock)
        new.mkdir()
        await git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(new))
        await git("config", OWNER, owner_key)
        (new / "info").mkdir(exist_ok=True)
        (new / "info" / "attributes").write_text(ATTRIBUTES, encoding="utf-8")
        (new / "description").write_text(" ".join(description.split())[:300] + "\n", encoding="utf-8")
        new.rename(directory)

    async def _refuse_foreign(self, directory: Path, owner_key: str) -> None:
        owner = (await Git(directory)("config", "--get", OWNER, allowed=(0, 1))).output.decode().rstrip("\n")
        if owner != owner_key:
            raise NameTaken(f"A repository called {directory.stem} belongs to another project")

    def _git(self, repository: Repository, lock: int | None = None) -> Git:
        directory = self._directory(repository.name)
        if not directory.is_dir():
            raise NoRepository(f"There is no repository called {repository.name}")
        return Git(directory, lock=lock)

    @asynccontextmanager
    async def _at_work(self, repository: Repository) -> AsyncIterator[Git]:
        """Be the only worker that changes a repository, and find it as no crash has left it."""
        async with self._locked(repository.name) as lock:
            git = self._git(repository, lock)
            await _remove_stale_locks(self._directory(repository.name))
            yield git

    @asynccontextmanager
    async def _locked(self, name: str) -> AsyncIterator[int]:
        # Outside the repository, so that it stays when the repository goes.
        async with locked(self._root / ".locks" / f"{name}.lock") as lock:
            yield lock

    def _directory(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} cannot be the name of a repository")
        return self._root / f"{name}.git"


async def _head(git: Git, reference: str) -> str | None:
    ended = await git("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}", allowed=(0, 1))
    return ended.output.decode().strip() or None


async def _exists(git: Git, sha: str) -> bool:
    if not _SHA.fullmatch(sha):
        return False
    return (await git("cat-file", "-e", f"{sha}^{{commit}}", allowed=(0, 1, 128))).exit_code == 0


async def _contains(git: Git, head: str, sha: str) -> bool:
    return (await git("merge-base", "--is-ancestor", sha, head, allowed=(0, 1))).exit_code == 0


async def _remove_stale_locks(directory: Path) -> None:
    """Remove what a killed git has left; a live one's is waited for."""
    # The index of the commit before, too: the next must not inherit its files.
    (directory / INDEX).unlink(missing_ok=True)
    (directory / f"{INDEX}.lock").unlink(missing_ok=True)
    for file in await asyncio.to_thread(_lock_files, directory):
        while (age := _age_s(file)) is not None:
            if age > STALE_AFTER_S:
                file.unlink(missing_ok=True)
            else:
                await asyncio.sleep(0.1)


def _lock_files(directory: Path) -> list[Path]:
    return [*directory.glob("*.lock"), *directory.glob("refs/**/*.lock")]


def _age_s(file: Path) -> float | None:
    try:
        return time.time() - file.lstat().st_mtime
    except FileNotFoundError:
        return None


def _make_empty(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise BadInput(f"{target.name} is not empty")


def _free(shelf: Path, name: str, owner_key: str) -> Path:
    owner = hashlib.sha256(owner_key.encode()).hexdigest()[:12]
    place = shelf / f"{name}-{owner}.git"
    return place if not place.exists() else shelf / f"{name}-{owner}-{uuid.uuid4().hex[:8]}.git"


def _reference(branch: str) -> str:
    if not _BRANCH.fullmatch(branch) or branch.endswith(".lock") or ".lock/" in branch:
        raise BadInput(f"{branch!r} cannot be the name of a branch")
    return f"refs/heads/{branch}"


def _log_entry(line: str) -> LogEntry:
    sha, authored_at, subject = line.split("\0")
    return LogEntry(sha, datetime.fromisoformat(authored_at), subject)


def _commit(repository: Repository, sha: str) -> Commit:
    return Commit(sha, f"{repository.url}#{sha}")


def _short(sha: str | None) -> str:
    return sha[:12] if sha else "no commit"
