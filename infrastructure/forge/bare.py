"""One bare git repository on this machine: a project's own, or the mirror of one that lives elsewhere.

Every change holds a lock that the started git inherits. When a worker is
killed, its git may still be at work: the next one waits for it, and whatever
lock files of git it finds then are stale.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from infrastructure.forge.commits import INDEX, full_message, write_commit, write_tree
from infrastructure.forge.export import write_out
from infrastructure.forge.git import Git
from infrastructure.forge.protocol import BranchMoved, LogEntry, NoCommit
from shared.errors import BadInput

STALE_AFTER_S = 2.0
"""A lock file of a git that we did not start, such as a person's push, is respected for so long."""

ATTRIBUTES = (
    "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding -diff -merge !crlf\n"
)
"""Stands above every `.gitattributes`: a commit is exported as it is, to the byte."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,98}[a-z0-9]")
_BRANCH = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|[./](?=[A-Za-z0-9_-])){0,99}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A commit that is written and may become a branch's newest."""

    sha: str
    stands: bool
    """Whether the branch has it already."""


class BareRepository:
    """What can be done with a bare repository, whoever else has copies of it."""

    def __init__(self, name: str, git: Git) -> None:
        """Look at a repository.

        Args:
            name: What people call it.
            git: Runs on its directory.
        """
        self._name = name
        self.git = git

    async def propose(
        self,
        tree: Path,
        *,
        branch: str,
        head: str | None,
        message: str,
        author_date: datetime,
        expected_parent: str | None,
        trailers: Mapping[str, str] = {},
    ) -> Proposal:
        """Write what `Forge.commit` is asked for, without moving the branch.

        Args:
            tree: The directory whose content becomes the commit's.
            branch: Its short name, for people.
            head: Where the branch stands; a commit that is here.
            message: Subject, and a body after an empty line.
            author_date: With a time zone.
            expected_parent: Where the branch should stand.
            trailers: `Key: value` lines below the message.

        Raises:
            BranchMoved: The branch stands elsewhere, and has not this commit.
            BadTree: The directory has something in it that must not be committed.
        """
        text = full_message(message, trailers)
        if expected_parent is not None and not await self.has(expected_parent):
            raise BranchMoved(f"{self._name} has no commit {expected_parent[:12]} to build on")
        content = await write_tree(self.git, tree)
        sha = await write_commit(self.git, content, text, author_date, expected_parent)
        if head is not None and await self.contains(head, sha):
            return Proposal(sha, stands=True)
        if head != expected_parent:
            raise BranchMoved(
                f"{branch} of {self._name} stands at {_short(head)}, not at {_short(expected_parent)}"
            )
        return Proposal(sha, stands=False)

    async def head(self, reference: str) -> str | None:
        """Return the commit that a reference stands at, or None if there is no such reference."""
        ended = await self.git(
            "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}", allowed=(0, 1)
        )  # fmt: skip
        return ended.output.decode().strip() or None

    async def has(self, sha: str) -> bool:
        """Return whether this is the full id of a commit that is here."""
        if not is_sha(sha):
            return False
        return (await self.git("cat-file", "-e", f"{sha}^{{commit}}", allowed=(0, 1, 128))).exit_code == 0

    async def export(self, commit: str, target: Path) -> None:
        """See `Forge.export`."""
        if not await self.has(commit):
            raise NoCommit(f"{self._name} has no commit {commit[:12]}")
        await asyncio.to_thread(_make_empty, target)
        await write_out(self.git, commit, target)

    async def log(self, reference: str, limit: int) -> list[LogEntry]:
        """See `Forge.log`."""
        if await self.head(reference) is None:
            return []
        lines = await self.git.text(
            "log", f"--max-count={limit:d}", "--format=%H%x00%aI%x00%cI%x00%s", reference, "--"
        )  # fmt: skip
        return [_log_entry(line) for line in lines.split("\n")]

    async def remove_stale_locks(self) -> None:
        """Remove what a killed git has left; a live one's is waited for."""
        # The index of the commit before, too: the next must not inherit its files.
        directory = self.git.directory
        (directory / INDEX).unlink(missing_ok=True)
        (directory / f"{INDEX}.lock").unlink(missing_ok=True)
        for file in await asyncio.to_thread(_lock_files, directory):
            while (age := _age_s(file)) is not None:
                if age > STALE_AFTER_S:
                    file.unlink(missing_ok=True)
                else:
                    await asyncio.sleep(0.1)

    async def contains(self, head: str, sha: str) -> bool:
        """Return whether a commit is another one or comes before it; both are here."""
        return (await self.git("merge-base", "--is-ancestor", sha, head, allowed=(0, 1))).exit_code == 0


async def create(directory: Path, *, description: str, settings: Mapping[str, str], lock: int) -> None:
    """Make a repository beside its place, and put it there when it is whole.

    Args:
        directory: Where it is to be.
        description: One line for people.
        settings: What its configuration says besides the usual.
        lock: What holds others off, to be inherited by git.
    """
    new = directory.parent / f".new-{directory.stem}"
    await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
    git = Git(new, lock=lock)
    new.mkdir()
    await git("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(new))
    for name, value in settings.items():
        await git("config", name, value)
    (new / "info").mkdir(exist_ok=True)
    (new / "info" / "attributes").write_text(ATTRIBUTES, encoding="utf-8")
    (new / "description").write_text(" ".join(description.split())[:300] + "\n", encoding="utf-8")
    new.rename(directory)


def require_name(name: str) -> str:
    """Return a repository's name if it can be one.

    Raises:
        BadInput: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} cannot be the name of a repository")
    return name


def branch_reference(branch: str) -> str:
    """Return the full name of a branch.

    Raises:
        BadInput: It can be none's.
    """
    if not _BRANCH.fullmatch(branch) or branch.endswith(".lock") or ".lock/" in branch:
        raise BadInput(f"{branch!r} cannot be the name of a branch")
    return f"refs/heads/{branch}"


def work_reference(run: str) -> str:
    """Return the hidden reference of a run's work in progress.

    Raises:
        BadInput: No run is called so.
    """
    if not _RUN.fullmatch(run):
        raise BadInput(f"{run!r} is no run")
    return f"refs/telewright/wip/{run}"


def is_sha(text: str) -> bool:
    """Return whether this is the full id of a commit."""
    return _SHA.fullmatch(text) is not None


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


def _log_entry(line: str) -> LogEntry:
    sha, authored_at, committed_at, subject = line.split("\0")
    return LogEntry(sha, datetime.fromisoformat(authored_at), datetime.fromisoformat(committed_at), subject)


def _short(sha: str | None) -> str:
    return sha[:12] if sha else "no commit"
