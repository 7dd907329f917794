"""What a forge promises: repositories of projects, wherever they live.

Every call is "ensure": repeated with the same arguments, after a crash or by
a second worker, it changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from shared.errors import BadInput, Conflict, NotFound, Unavailable


class NameTaken(Conflict):
    """A repository of this name belongs to something else."""

    code = "name_taken"
    advice = "Choose another name for the project."


class NoRepository(NotFound):
    """There is no such repository."""

    code = "no_repository"


class NoCommit(NotFound):
    """There is no such commit."""

    code = "no_commit"


class BranchMoved(Conflict):
    """The branch is not where it was expected: somebody else has pushed."""

    code = "branch_moved"
    advice = "Look at what was pushed, and start the change again from there."


class BadTree(BadInput):
    """These files cannot be committed."""

    code = "bad_tree"
    advice = "Remove the files named above from the project."


class ForgeUnavailable(Unavailable):
    """The repositories cannot be reached."""

    code = "forge_unavailable"


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a project's code lives."""

    name: str
    url: str
    """What `git clone` takes; without credentials."""
    id: int | None = None
    """The number by which its place knows it whatever it is called; None where names are all there is."""

    @property
    def identity(self) -> str:
        """What is the same for it for ever, also where its name can change."""
        return self.name if self.id is None else str(self.id)

    @property
    def is_local(self) -> bool:
        """Whether it is a directory of this machine."""
        return Path(self.url).is_absolute()

    @property
    def web_address(self) -> str | None:
        """Where people look at it; nowhere when it is on this machine."""
        if not self.url.startswith(("https://", "http://")):
            return None
        return self.url.removesuffix(".git")


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit that stands in a repository."""

    sha: str
    url: str
    """Where a person can look at it."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of a branch's history."""

    sha: str
    authored_at: datetime
    committed_at: datetime
    """When it was given its present form: amending a commit leaves the author's date as it is."""
    subject: str


class Forge(Protocol):
    """A place where projects' repositories live."""

    async def ensure_repository(
        self, name: str, description: str, *, owner_key: str, known_id: int | None = None
    ) -> Repository:
        """Return the project's repository, making it if there is none.

        Args:
            name: The repository's name, which is the project's.
            description: One line for people.
            owner_key: The project's id, remembered with the repository.
            known_id: The repository's id, once the project has recorded it: then
                it is found whatever it is called by now, and never made anew.

        Raises:
            NameTaken: A repository of this name was made for another project.
            NoRepository: The one of the known id was deleted.
        """
        ...

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
        """Put a directory's content on top of a branch, and push it.

        Same content, message, date and parent give the same commit, so that
        repeating is harmless. What `.gitignore` names is left out, and so is `.git`.

        Args:
            repository: From `ensure_repository`.
            tree: The directory whose content becomes the commit's, hostile or not.
            branch: The branch's short name.
            message: Subject, and a body after an empty line.
            author_date: With a time zone; both author's and committer's date.
            expected_parent: Where the branch stands now, or None if it does not exist.
            trailers: `Key: value` lines below the message.

        Raises:
            BranchMoved: The branch stands elsewhere.
            BadTree: The directory has something in it that must not be committed.
            NoRepository: It was removed.
        """
        ...

    async def head(self, repository: Repository, branch: str) -> str | None:
        """Return the commit a branch stands at, or None if there is no such branch."""
        ...

    async def export(self, repository: Repository, commit: str, target: Path) -> None:
        """Write the files of a commit into an empty or missing directory.

        Raises:
            NoCommit: The repository has no such commit.
            BadTree: The commit has something in it that must not be written.
        """
        ...

    async def log(self, repository: Repository, branch: str, *, limit: int = 20) -> list[LogEntry]:
        """Return the newest commits of a branch, newest first; none if there is no such branch."""
        ...

    async def save_work(self, repository: Repository, tree: Path, *, run: str, author_date: datetime) -> str:
        """Keep a run's work in progress where no branch and no person sees it, and return its commit.

        What was saved of the run before is replaced. `export` writes it out again.

        Args:
            repository: From `ensure_repository`.
            tree: The directory to keep, as for `commit`.
            run: The run's id.
            author_date: With a time zone; the same one gives the same commit.

        Raises:
            BadTree: The directory has something in it that must not be committed.
        """
        ...

    async def saved_work(self, repository: Repository, *, run: str) -> str | None:
        """Return the commit that was saved last of a run's work, or None if nothing was."""
        ...

    async def drop_work(self, repository: Repository, *, run: str) -> None:
        """Forget what was saved of a run's work; nothing saved is fine."""
        ...

    async def archive(self, repository: Repository, *, owner_key: str) -> None:
        """Put a repository away, so that its name is free and its history is kept.

        It is found by its name. One that is gone already, or was never made, is fine.

        Raises:
            NameTaken: The repository belongs to another project.
        """
        ...

    async def remove(self, repository: Repository, *, owner_key: str) -> None:
        """Delete a repository for good. One that is gone already is fine.

        Raises:
            NameTaken: The repository belongs to another project.
        """
        ...
