"""Keeps what is known of projects' repositories what they are on GitHub, whoever changes them there.

A pass has two halves. Listing finds out what may have changed: the owner's repositories, newest push
and newest change first, until nothing is new. Looking then asks for one repository after the other,
and stores what it is told with the tags of the answers. Listings, webhooks and the time that goes by
all say only what is to be looked at (`repositories.due_at`), so that one code sees everything, and
what is said twice, late or falsely does no harm. A pass may be killed anywhere: the next one goes on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final

import psycopg
import structlog

from graph.orchestrator.checks import ChecksPending
from infrastructure.forge import NoRepository
from infrastructure.forge.github import BadCredentials, GitHubUnavailable, RateLimited
from infrastructure.forge.survey import Listed, Look, Survey
from scheduler.github_news import say_gone, say_news
from scheduler.timetable import PeriodicJob
from shared.database import Connection, Database
from shared.errors import TelewrightError
from shared.ids import ProjectId, SessionId
from shared.lease import LeaseLost
from shared.ledger import (
    check_runs,
    claims,
    etags,
    github_deliveries,
    github_listing,
    projects,
    pull_requests,
    repositories,
    runs,
)
from shared.ledger.github_listing import Listing
from shared.ledger.repositories import Due, Known, Standing
from shared.ledger.runs import Status
from shared.live import Live
from shared.locks import HeldLock
from shared.queue import GITHUB_SYNC
from shared.storable import REFUSED

EVERY_MINUTE: Final = "* * * * *"

PASS_S: Final = 50.0
"""A pass that has lasted so long takes up no more: others may wait for the lock."""

LONGEST_PAUSE_S: Final = 120.0
"""After however many failures: while a tick waits for the end of a pause, no webhook has it done at once."""

LIST_EVERY_S: Final = 45.0
"""Passes that a webhook has asked for in between look at what it names, and do not list."""

SWEEP_EVERY_S: Final = 3600.0
"""How often everything is listed whatever the count says: one may have come while another one went."""

_AT_ONCE: Final = 6
_BATCH: Final = 48
_MOST_SILENT: Final = 5
"""So many looks in a row that GitHub does not answer, and the pass ends."""

_SOON_S: Final = 30.0
_OPEN_S: Final = 600.0
_LATER_S: Final = 6 * 3600.0
_FRESH: Final = timedelta(minutes=10)
"""Checks may take so long to begin. A second push in the same second does not show in a listing, either."""
_LONGEST_CHECK: Final = timedelta(hours=6)
"""GitHub ends what takes longer."""

log = structlog.get_logger(__name__)


def syncing(database: Database, live: Live, survey: Survey, *, cron: str = EVERY_MINUTE) -> PeriodicJob:
    """Return the job.

    Args:
        database: The ledgers.
        live: Wakes those who read a session in which something is told.
        survey: Looks at GitHub.
        cron: When; webhooks have it done in between as well.
    """
    body = partial(github_sync, database, live, survey)
    return PeriodicJob(GITHUB_SYNC, cron, ttl_s=30, body=body, longest_pause_s=LONGEST_PAUSE_S)


@dataclass(slots=True)
class Synced:
    """What one pass has come to."""

    tracked: int = 0
    """Repositories that are new to us."""
    listed: bool = False
    """Whether the listings were read."""
    looked: int = 0
    """Repositories that were looked at."""
    changed: int = 0
    """Those that were renamed, archived, pushed to, or are something else by any other word."""
    moved: int = 0
    """Heads of default branches that have moved."""
    pulls: int = 0
    """Pull requests that are new or have changed."""
    checks: int = 0
    """Commits whose checks are not what they were."""
    gone: int = 0
    postponed: int = 0
    """Repositories that could not be looked at, and are tried again."""
    told: set[SessionId] = field(default_factory=set)
    """Sessions in which something was said."""

    @property
    def anything(self) -> bool:
        """Whether anything is not what it was."""
        return any((self.tracked, self.changed, self.moved, self.pulls, self.checks, self.gone))


async def github_sync(
    database: Database,
    live: Live,
    survey: Survey,
    held: HeldLock,
    *,
    list_every_s: float = LIST_EVERY_S,
    pass_s: float = PASS_S,
) -> Synced:
    """Make one pass.

    Args:
        database: The ledgers.
        live: Wakes those who read a session in which something is told.
        survey: Looks at GitHub.
        held: The lock under which this runs; every write is fenced by its token.
        list_every_s: Seconds for which the listings are not read again.
        pass_s: Seconds after which no more repositories are taken up.

    Returns:
        What it came to.

    Raises:
        RateLimited: GitHub takes no more requests; nobody asks until it does.
        GitHubError: It does not answer, or does not accept who we are. What was seen so far is stored.
        LeaseLost: Another process holds the lock now; nothing was written since.
    """
    the_pass = _Pass(database, live, survey, held, list_every_s, pass_s)
    try:
        await the_pass.make()
    finally:
        done = the_pass.done
        if done.anything or done.postponed:
            log.info(
                "github.synced",
                tracked=done.tracked,
                looked=done.looked,
                changed=done.changed,
                moved=done.moved,
                pulls=done.pulls,
                checks=done.checks,
                gone=done.gone,
                postponed=done.postponed,
            )
    return done


class _Pass:
    """One pass."""

    def __init__(
        self,
        database: Database,
        live: Live,
        survey: Survey,
        held: HeldLock,
        list_every_s: float,
        pass_s: float,
    ) -> None:
        self.done = Synced()
        self._database = database
        self._live = live
        self._survey = survey
        self._held = held
        self._list_every_s = list_every_s
        self._ends_at = time.monotonic() + pass_s
        self._seats = asyncio.Semaphore(_AT_ONCE)
        self._pen = asyncio.Lock()
        """One transaction at a time: the process's connections are for others as well."""
        self._silent: list[int] = []
        """The repositories that GitHub did not answer about, one after the other."""

    async def make(self) -> None:
        """List, and look at what is due; trouble with the one does not keep from the other."""
        try:
            trouble = await self._list()
            await self._look_at_what_is_due()
        except RateLimited as limited:
            async with self._transaction() as tx:
                await github_listing.note_rest(tx, limited.until)
            raise
        except GitHubUnavailable:
            await self._acquit()
            raise
        if trouble is not None:
            await self._acquit()
            raise trouble

    def _transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Open a transaction that only the holder of the lock can commit."""
        return self._held.transaction(self._database)

    # Listing

    async def _list(self) -> GitHubUnavailable | None:
        """Find out what may have changed.

        Returns:
            Why that could not be found out, if GitHub did not answer.
        """
        async with self._transaction() as tx:
            self.done.tracked = await repositories.track(tx)
            await github_deliveries.settle_strangers(tx)
            listing, tags = await github_listing.read(tx)
            known = await repositories.all_known(tx)
        if listing.rests_until is not None:
            raise RateLimited(until=listing.rests_until)
        if not known or (listing.listed_s is not None and listing.listed_s < self._list_every_s):
            return None
        try:
            listed = await self._survey.listed(
                pushed_since=listing.pushed_at, updated_since=listing.updated_at, etags=tags
            )
            there = await self._there(listing, listed)
        except GitHubUnavailable as error:
            return error
        due = {one.id for one in listed.changed if one.id in known and _differs(known[one.id], one)}
        if there is not None:
            due |= {number for number, one in known.items() if one.gone_at is None and number not in there}
        async with self._transaction() as tx:
            await repositories.call_due(tx, due)
            await etags.note(tx, None, listed.etags)
            await github_listing.note(
                tx,
                repositories=listed.count,
                pushed_at=listed.pushed_at,
                updated_at=listed.updated_at,
                swept=there is not None,
            )
        self.done.listed = True
        return None

    async def _there(self, listing: Listing, listed: Listed) -> AbstractSet[int] | None:
        """Return all repositories there are, or None when none of those that we know can have gone."""
        if listed.complete:
            return {one.id for one in listed.changed}
        born = sum(
            listing.pushed_at is not None and one.created_at > listing.pushed_at for one in listed.changed
        )
        as_expected = listing.repositories is not None and listed.count == listing.repositories + born
        if as_expected and listing.swept_s is not None and listing.swept_s < SWEEP_EVERY_S:
            return None
        return await self._survey.everything()

    # Looking

    async def _look_at_what_is_due(self) -> None:
        tried: set[int] = set()
        while time.monotonic() < self._ends_at:
            async with self._database.connection() as connection:
                batch = await repositories.due(connection, limit=_BATCH, but=tried)
            if not batch:
                return
            tried |= {due.known.id for due in batch}
            try:
                async with asyncio.TaskGroup() as together:
                    for due in batch:
                        together.create_task(self._look_at(due))
            except BaseExceptionGroup as failed:
                # Not `except*`, in which the first releases of Python 3.11 wrap again what is raised.
                ours, others = failed.split((TelewrightError, psycopg.Error))
                if ours is None or others is not None:
                    raise
                raise _weightiest(ours.exceptions) from None

    async def _look_at(self, due: Due) -> None:
        async with self._seats:
            if time.monotonic() > self._ends_at:
                return
            try:
                look = await self._survey.look(due)
            except NoRepository:
                await self._store_gone(due)
            except (RateLimited, BadCredentials):
                raise
            except TelewrightError as error:
                await self._postpone(due, error)
            else:
                await self._store_or_postpone(due, look)
                self._silent.clear()

    async def _store_or_postpone(self, due: Due, look: Look) -> None:
        try:
            await self._store(due, look)
        except REFUSED as error:
            reason = f"PostgreSQL refuses what was seen of it ({type(error).__name__})"
            await self._postpone(due, TelewrightError(reason))

    async def _store(self, due: Due, look: Look) -> None:
        async with self._pen, self._transaction() as tx:
            told = await self._note(tx, due, look)
        self.done.looked += 1
        await self._wake(told)

    async def _note(self, tx: Connection, due: Due, look: Look) -> SessionId | None:
        """Store what a look has seen, and say what people should know. Returns where something was said."""
        known = await repositories.lock(tx, due.known.id)
        told: SessionId | None = None
        if look.standing is not None:
            if _is_another(known, look.standing) and await _is_worked_on(tx, known.project_id):
                await repositories.rest(tx, known.id, _SOON_S)
                return None
            told = await say_news(tx, known, look.standing)
            await projects.follow_repository(tx, known.id, name=look.standing.name, url=look.standing.url)
            self.done.changed += await repositories.note_standing(tx, look.standing)
        if look.head is not None:
            self.done.moved += await repositories.note_head(tx, known.id, look.head.sha)
        pulls = await pull_requests.note(tx, known.id, look.pulls) if look.pulls is not None else 0
        checks = 0
        for (sha, source), seen in look.checks.items():
            checks += await check_runs.note(tx, known.id, sha, source, seen)
        if pulls or checks:
            # Who waits for checks looks for itself every now and then; of this it need not wait for that.
            await claims.end_pauses(tx, known.project_id, code=ChecksPending.code)
        self.done.pulls += pulls
        self.done.checks += checks
        await check_runs.keep(tx, known.id, look.heads)
        await etags.note(tx, known.id, look.etags, used=look.asked)
        again_in_s = _again_in_s(known, look, pending=await check_runs.pending(tx, known.id))
        await repositories.note_looked(
            tx, known.id, began=due.began, again_in_s=again_in_s, lacking=look.lacking
        )
        return told

    async def _store_gone(self, due: Due) -> None:
        async with self._pen, self._transaction() as tx:
            told = await self._note_gone(tx, due)
        self.done.looked += 1
        await self._wake(told)

    async def _note_gone(self, tx: Connection, due: Due) -> SessionId | None:
        """Store that a repository is not there, and say so once. Returns where it was said."""
        known = await repositories.lock(tx, due.known.id)
        if await _is_worked_on(tx, known.project_id):
            await repositories.rest(tx, known.id, _SOON_S)
            return None
        new = await repositories.note_gone(tx, known.id)
        self.done.gone += new
        await repositories.note_looked(tx, known.id, began=due.began, again_in_s=_spread(_LATER_S))
        return await say_gone(tx, known) if new else None

    async def _postpone(self, due: Due, error: TelewrightError) -> None:
        async with self._pen, self._transaction() as tx:
            await repositories.postpone(tx, due.known.id, error.message)
        self.done.postponed += 1
        log.warning("repository.postponed", repository=due.known.id, error=error.message)
        if isinstance(error, GitHubUnavailable):
            self._silent.append(due.known.id)
            if len(self._silent) >= _MOST_SILENT:
                raise error

    async def _acquit(self) -> None:
        """Let those that were postponed be looked at by the next pass where GitHub has answered about none."""
        if self._silent and not self.done.looked:
            async with self._transaction() as tx:
                await repositories.call_due(tx, self._silent)

    async def _wake(self, session_id: SessionId | None) -> None:
        if session_id is not None:
            self.done.told.add(session_id)
            self._live.wake(session_id)


def _weightiest(failures: Sequence[Exception]) -> Exception:
    """Return the failure that says what the pass may do next, of several at the same moment."""
    weights: tuple[type[Exception], ...] = (LeaseLost, RateLimited, Exception)
    return next(one for weight in weights for one in failures if isinstance(one, weight))


async def _is_worked_on(tx: Connection, project_id: ProjectId) -> bool:
    """Return whether a run is at work on a project: what it does to the repository is nobody's news."""
    some = await runs.of_project(tx, project_id, open_only=True)
    return any(run.status is Status.RUNNING for run in some)


def _differs(known: Known, listed: Standing) -> bool:
    """Return whether a listing says anything else of a repository than we know."""
    return known.gone_at is not None or (
        known.owner,
        known.name,
        known.url,
        known.default_branch,
        known.archived,
        known.pushed_at,
        known.updated_at,
    ) != (
        listed.owner,
        listed.name,
        listed.url,
        listed.default_branch,
        listed.archived,
        listed.pushed_at,
        listed.updated_at,
    )


def _is_another(known: Known, seen: Standing) -> bool:
    """Return whether a repository was renamed, transferred or archived, or is back."""
    before = (known.owner, known.name, known.archived, known.gone_at)
    return known.name is not None and before != (seen.owner, seen.name, seen.archived, None)


def _again_in_s(known: Known, look: Look, *, pending: bool) -> float:
    """Return when to look again, if nobody says that anything has changed."""
    pushed_at = look.standing.pushed_at if look.standing else known.pushed_at
    age = look.at - pushed_at if pushed_at is not None else _LONGEST_CHECK
    if age < _FRESH or (pending and age < _LONGEST_CHECK):
        return _SOON_S
    sha = look.head.sha if look.head else known.head
    return _OPEN_S if look.heads - {sha} else _spread(_LATER_S)


def _spread(seconds: float) -> float:
    """Return about so many seconds: what was seen together is not to come due together for ever."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
