"""What was left lying on this machine: by dead workers, and by runs that ended however they did.

Each machine looks after its own, so that this is no job of the timetable. It needs no Redis either:
what it removes belongs to nobody, which the ledgers say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import structlog

from infrastructure.archives import Archives
from infrastructure.attachments import AttachmentStore
from infrastructure.forge.mirrors import Mirrors
from infrastructure.locks import LockBusy, locked
from infrastructure.sandbox.running import RunningSandbox, running_sandboxes
from infrastructure.workspace import Workspaces
from scheduler.archives import ArchiveAges, remove_archives
from scheduler.mirrors import remove_mirrors
from shared.database import Database

_GRACE_S = 60.0
"""How long a run that has ended, or a directory that nobody knows, is left to whoever is at it."""

_FILE_GRACE_S = 24 * 3600.0
"""A file is kept before the message that it came with is stored."""

_FILES_EVERY_S = 3600.0
"""How often all attachments, archives and mirrors are looked at: there may be many."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Removed:
    """What one look has removed."""

    sandboxes: int = 0
    workspaces: int = 0
    attachments: int = 0
    archives: int = 0
    mirrors: int = 0


class Leftovers:
    """The leftovers below one home."""

    def __init__(
        self, database: Database, home: Path, ages: ArchiveAges, *, grace_s: float = _GRACE_S
    ) -> None:
        """Put it together.

        Args:
            database: Says which runs there are, and which files belong to a message.
            home: The installation's home on this machine.
            ages: How long releases' archives are kept.
            grace_s: Seconds for which what has ended is left to whoever is at it.
        """
        self._database = database
        self._home = home
        self._workspaces = Workspaces(home)
        self._attachments = AttachmentStore(home)
        self._archives = Archives(home)
        self._mirrors = Mirrors(home)
        self._ages = ages
        self._grace_s = grace_s
        self._files_due = 0.0

    async def remove(self) -> Removed:
        """Look once; several schedulers of a machine take turns."""
        try:
            async with locked(self._home / "leftovers.lock", timeout_s=0):
                removed = Removed(
                    sandboxes=await self._end_sandboxes(), workspaces=await self._remove_workspaces()
                )
                if time.monotonic() >= self._files_due:
                    self._files_due = time.monotonic() + _FILES_EVERY_S
                    removed = replace(
                        removed,
                        attachments=await self._forget_attachments(),
                        archives=await remove_archives(self._database, self._archives, self._ages),
                        mirrors=await remove_mirrors(self._database, self._mirrors),
                    )
        except LockBusy:
            return Removed()
        if removed != Removed():
            log.info(
                "leftovers.removed",
                sandboxes=removed.sandboxes,
                workspaces=removed.workspaces,
                attachments=removed.attachments,
                archives=removed.archives,
                mirrors=removed.mirrors,
            )
        return removed

    async def _end_sandboxes(self) -> int:
        """End what runs for runs that are over: a worker that is paused keeps its sandboxes alive."""
        running = await asyncio.to_thread(running_sandboxes, self._home / "workspaces")
        over = await self._over({one.workspace for one in running if _old(one, self._grace_s)})
        orphans = [one for one in running if one.workspace in over]
        for one in orphans:
            one.end()
        return len(orphans)

    async def _remove_workspaces(self) -> int:
        there_are = await self._workspaces.there_are()
        over = await self._over(
            {name for name, changed in there_are.items() if changed < time.time() - self._grace_s}
        )
        for name in over:
            await self._workspaces.remove(name)
        await self._workspaces.remove_doomed()
        return len(over)

    async def _over(self, names: Collection[str]) -> set[str]:
        """Return which of these are runs that ended a while ago, or that never were."""
        run_ids = [name for name in names if _is_run_id(name)]
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT name FROM unnest(%(names)s::text[]) AS name
                  LEFT JOIN runs ON runs.id = name::uuid
                 WHERE runs.id IS NULL OR ended_at < now() - make_interval(secs => %(grace_s)s)
                """,
                {"names": run_ids, "grace_s": self._grace_s},
            )
            return {row[0] for row in await cursor.fetchall()}

    async def _forget_attachments(self) -> int:
        """Forget the contents of which no message is left that they came with."""
        moment = time.time() - _FILE_GRACE_S
        untouched = await self._attachments.untouched_since(moment)
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT content FROM unnest(%s::text[]) AS content
                 WHERE NOT EXISTS (SELECT FROM attachments WHERE sha256 = content)
                """,
                [untouched],
            )
            orphans = [row[0] for row in await cursor.fetchall()]
        return sum([await self._attachments.forget(one, untouched_since=moment) for one in orphans])


def _old(sandbox: RunningSandbox, grace_s: float) -> bool:
    return sandbox.warden.create_time() < time.time() - grace_s


def _is_run_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
