"""What a place that hosts repositories has on top of a forge: pull requests, checks, settings, issues, releases.

Every call is "ensure": repeated with the same arguments, after a crash or by
a second worker, it changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from infrastructure.forge.protocol import Repository
from shared.errors import Conflict


class CannotMerge(Conflict):
    """A pull request cannot be merged as it stands."""

    code = "cannot_merge"
    advice = "Look at the pull request: it has conflicts, red checks or a rule that it does not meet."


class HeadMoved(Conflict):
    """Something was pushed to a pull request or its base after it was approved."""

    code = "head_moved"
    advice = "Look at what was pushed, and approve it again."


class NoIssues(Conflict):
    """This repository keeps no issues."""

    code = "no_issues"
    advice = "Switch them on in the repository's settings."


class PullState(StrEnum):
    """What a pull request is."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A change that is proposed."""

    number: int
    url: str
    title: str
    state: PullState
    head: str
    """The branch's short name."""
    head_sha: str
    base: str
    base_sha: str
    merge_sha: str | None
    """The commit that it became, once merged."""


class CheckState(StrEnum):
    """What one check, or all of them together, came to."""

    NONE = "none"
    """Nothing checks the commit."""
    PENDING = "pending"
    GREEN = "green"
    RED = "red"


class CheckSource(StrEnum):
    """Who says so."""

    WORKFLOW = "workflow"
    """A check run of the place itself, which runs what the repository's workflows say: Actions."""
    RUN = "run"
    """A check run of another app, under any name."""
    STATUS = "status"
    """A commit status: whoever may write to the repository, under any name."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a commit."""

    name: str
    source: CheckSource
    state: CheckState
    url: str
    summary: str
    """What it says of itself, in a few lines; hostile."""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue of a repository."""

    number: int
    title: str
    body: str
    author: str
    labels: tuple[str, ...]
    is_open: bool
    url: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class OpenIssues:
    """The newest open issues of a repository."""

    newest: tuple[Issue, ...]
    more: int
    """How many older ones are open as well."""
    url: str
    """Where people look at all of them."""


def verdict(checks: Iterable[Check]) -> CheckState:
    """Return what checks come to together: one red one is enough, and then one that is not done."""
    states = {check.state for check in checks}
    for state in (CheckState.RED, CheckState.PENDING, CheckState.GREEN):
        if state in states:
            return state
    return CheckState.NONE


class Hosting(Protocol):
    """A place where repositories are discussed, checked and released."""

    async def ensure_pull_request(
        self, repository: Repository, *, head: str, base: str, title: str, body: str
    ) -> PullRequest:
        """Open a pull request from one branch to another, or bring the open one's title and body up to date.

        Raises:
            NoCommit: There is no such branch, or nothing between the two.
        """
        ...

    async def pull_request(self, repository: Repository, number: int) -> PullRequest:
        """Return a pull request as it stands."""
        ...

    async def pull_requests_from(self, repository: Repository, branch: str) -> list[PullRequest]:
        """Return the pull requests that propose a branch, whatever has become of them; the newest first."""
        ...

    async def close_pull_request(self, repository: Repository, number: int) -> None:
        """Close a pull request without merging it; one that was closed or merged stays as it is."""
        ...

    async def drop_branch(self, repository: Repository, branch: str, *, expected: str) -> bool:
        """Remove a branch, if it stands where it is thought to; nothing there is fine.

        Returns:
            Whether it is gone; False when it stands elsewhere: somebody has pushed to it.
        """
        ...

    async def comment_once(self, repository: Repository, number: int, *, key: str, body: str) -> None:
        """Say something below a pull request or issue, unless it was said under this key."""
        ...

    async def checks(self, repository: Repository, sha: str) -> list[Check]:
        """Return what checks a commit, check runs and commit statuses alike, by name and source; the worst of each."""
        ...

    async def merge(
        self, repository: Repository, number: int, *, head_sha: str, base: str, base_sha: str, message: str
    ) -> str:
        """Merge what was approved, and return the commit that it became; one that is merged already is fine.

        Args:
            repository: Where.
            number: The pull request.
            head_sha: Where its branch must stand.
            base: The branch that it must go into.
            base_sha: Where that must stand.
            message: The merge commit's.

        Raises:
            HeadMoved: One of them stands elsewhere.
            CannotMerge: The place refuses it, or it goes into another branch.
        """
        ...

    async def tree_of(self, repository: Repository, commit: str) -> str:
        """Return git's name for all files of a commit: the same one for the same files."""
        ...

    async def protect(self, repository: Repository, branch: str, *, checks: Sequence[str] = ()) -> bool:
        """Let nobody push to a branch past pull requests and these checks, unless it is protected already.

        Returns:
            Whether it is by this; otherwise it stays protected as people have it.

        Raises:
            TelewrightError: The place's plan has no protection, or we lack the right; it says what to do.
        """
        ...

    async def set_variables(self, repository: Repository, variables: Mapping[str, str]) -> None:
        """Give the workflows of a repository plain values."""
        ...

    async def set_secrets(self, repository: Repository, secrets: Mapping[str, str]) -> None:
        """Give the workflows of a repository secret values, encrypted with its key."""
        ...

    async def issues(self, repository: Repository, *, since: datetime | None = None) -> list[Issue]:
        """Return the issues, without pull requests, that have changed since a moment."""
        ...

    async def open_issues(self, repository: Repository, *, most: int) -> OpenIssues:
        """Return some of the open issues, without pull requests, the newest first, and how many more there are.

        Raises:
            NoIssues: The repository is one without issues.
        """
        ...

    async def ensure_release(
        self, repository: Repository, *, tag: str, commit: str, name: str, body: str
    ) -> str:
        """Make a release of a commit under a tag, or bring it up to date, and return its address.

        Raises:
            NameTaken: The tag names another commit.
        """
        ...

    async def workflow_changes(
        self, repository: Repository, tree: Path, *, since: str | None
    ) -> tuple[str, ...]:
        """Return the paths of workflows that committing a directory would add, change or remove.

        Args:
            repository: Where.
            tree: What would be committed.
            since: The commit that it would be put on; None for nothing.

        Raises:
            NoCommit: There is no such commit.
        """
        ...

    async def workflow_changes_between(
        self, repository: Repository, base: str | None, head: str
    ) -> tuple[str, ...]:
        """Return the paths of workflows that any commit after one and up to another touches.

        Raises:
            NoCommit: There is no such commit.
        """
        ...
