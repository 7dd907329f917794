"""Releases' archives that nobody needs on this machine any more: old ones, and those before many others.

They can be built again from their commits, so that only what is likely to be wanted at once has to stay.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Self

from infrastructure.archives import Archives
from shared.database import Connection, Database
from shared.ledger import projects, releases, runs
from shared.settings import Settings

ALWAYS: Final = 5
"""So many of a project's newest releases keep theirs, as on a server."""

GRACE_S: Final = 24 * 3600.0
"""An archive that was written in the last day stays: it is perhaps wanted for what begins now."""

_BATCH: Final = 100


@dataclass(frozen=True, slots=True)
class ArchiveAges:
    """How long archives are kept."""

    days: int = 90
    most: int = 20
    """Of a project."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what a person has set."""
        return cls(settings.retention_days, settings.retention_releases)


async def remove_archives(
    database: Database, archives: Archives, ages: ArchiveAges, *, grace_s: float = GRACE_S
) -> int:
    """Remove what is not worth keeping, at most a batch of each project.

    Args:
        database: Says which releases there are, and which are deployed.
        archives: Those of this machine.
        ages: How long they are kept.
        grace_s: Seconds for which one is kept in any case.

    Returns:
        How many were removed.
    """
    moment, removed = time.time() - grace_s, 0
    for name in await archives.projects():
        await archives.remove_unfinished(name, moment)
        if untouched := await archives.untouched_since(name, moment):
            # A transaction for each project, in which none of its runs begins: what it deploys is not removed meanwhile.
            async with database.transaction() as tx:
                kept = await _kept(tx, name, ages)
                doomed = [commit for commit in untouched if kept is not None and commit not in kept][:_BATCH]
                await archives.remove(name, doomed)
            removed += len(doomed)
    return removed


async def _kept(tx: Connection, name: str, ages: ArchiveAges) -> set[str] | None:
    """Return the commits whose archives stay; None for all: it is worked on, or nobody knows whose they are."""
    project_id = await projects.lock_by_name(tx, name)
    if project_id is None:
        # Perhaps on another machine. What no project was ever called is not ours to judge.
        return set() if await projects.was_removed(tx, name) else None
    if await runs.of_project(tx, project_id, open_only=True, limit=1):
        return None
    return await releases.worth_keeping(tx, project_id, always=ALWAYS, most=ages.most, days=ages.days)
