"""What a place that hosts repositories can say of many of them, asked so that the cost grows with what changed.

Answers have tags. Who shows a tag again is told "not modified" as long as the answer would be the
same, which costs next to nothing: so a tag is kept with what was read, or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.ledger.check_runs import CheckSeen, Source
from shared.ledger.pull_requests import Pull
from shared.ledger.repositories import Due, Standing


@dataclass(frozen=True, slots=True)
class Listed:
    """What the listings of all repositories say that was not known."""

    count: int
    """How many repositories there are."""
    changed: tuple[Standing, ...]
    """Those that were pushed to or changed since, and perhaps some that were not."""
    pushed_at: datetime | None
    """The newest push, from which the next look goes on; None where there is no repository."""
    updated_at: datetime | None
    complete: bool
    """Whether `changed` has all repositories there are."""
    etags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Head:
    """Where a default branch stands."""

    sha: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a repository says; None is "as it was"."""

    at: datetime
    """By the place's clock."""
    standing: Standing | None
    head: Head | None
    pulls: tuple[Pull, ...] | None
    """Those that changed since the newest that is known."""
    checks: Mapping[tuple[str, Source], tuple[CheckSeen, ...]]
    """Of the heads whose checks are not as they were, by commit and source."""
    heads: frozenset[str]
    """The commits whose checks are looked at: of the default branch, and of open pull requests."""
    etags: Mapping[str, str]
    asked: frozenset[str]
    """The paths that were asked for; tags of others are of no use any more."""
    lacking: str | None
    """What we have no right to see."""


class Survey(Protocol):
    """A place, to those who keep what is known of it true."""

    async def listed(
        self,
        *,
        pushed_since: datetime | None,
        updated_since: datetime | None,
        etags: Mapping[str, str],
    ) -> Listed:
        """Read the listings of the owner's repositories, newest first, until nothing is new any more.

        Args:
            pushed_since: The newest push that is known; None reads everything.
            updated_since: The newest change that is known.
            etags: What was told of the listings before.
        """
        ...

    async def everything(self) -> frozenset[int]:
        """Return the ids of all the owner's repositories."""
        ...

    async def look(self, due: Due) -> Look:
        """Look at one repository.

        Raises:
            NoRepository: It is gone, or out of our sight.
        """
        ...
