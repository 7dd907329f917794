"""Takes away what ended runs have left on GitHub: hidden references, branches, and pull requests nobody merged.

A run that comes to its last step does that itself. This is for those that end anywhere else: killed,
cancelled, out of time, failed, or ended while GitHub was away. What is to be done stands in the database,
noted before it was put there; a pass may be killed anywhere, and the next one goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from graph.conversation.replies import Kind, Reply, Text
from infrastructure.forge import Forge, NoRepository, Repository
from infrastructure.forge.github import Archived, BadCredentials, GitHubUnavailable, RateLimited
from infrastructure.forge.hosting import Hosting
from infrastructure.forge.proposals import Proposal, clear
from scheduler.timetable import PeriodicJob
from shared import tracing
from shared.database import Connection, Database
from shared.errors import TelewrightError
from shared.ids import SessionId
from shared.ledger import kept_work, sessions
from shared.ledger.kept_work import KeptWork
from shared.ledger.runs import Status
from shared.live import Live
from shared.locks import HeldLock

GRACE_S: Final = 30.0
"""How long a run that has ended is left to a worker that was at it, and does not know yet."""

PASS_S: Final = 50.0
"""A pass that has lasted so long takes up no more: others may wait for the lock."""

_MOST_SILENT: Final = 3
"""So often in a row GitHub does not answer, and the pass ends."""

_FIRST_PAUSE_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 3600.0

_ENDINGS: Final = {
    Status.CANCELLED: "was cancelled",
    Status.FAILED: "failed",
    Status.TIMED_OUT: "was not done in time",
    Status.SUCCEEDED: "has ended without merging it",
}

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Cleared:
    """What one pass has come to."""

    cleared: int = 0
    """Runs of which nothing is left to take away."""
    branches_left: int = 0
    """Those of them whose branch stays, since a person has pushed to it."""
    postponed: int = 0
    told: set[SessionId] = field(default_factory=set)
    """Sessions in which something was said."""


def clearing(
    database: Database, live: Live, forge: Forge, hosting: Hosting, *, cron: str = "* * * * *"
) -> PeriodicJob:
    """Return the job.

    Args:
        database: Says what there is to take away.
        live: Wakes those who read a session in which something is told.
        forge: Where branches and hidden references are.
        hosting: Where pull requests are.
        cron: When.
    """
    body = partial(clear_what_is_over, database, live, forge, hosting)
    return PeriodicJob("clearing", cron, ttl_s=30, body=body)


async def clear_what_is_over(
    database: Database,
    live: Live,
    forge: Forge,
    hosting: Hosting,
    held: HeldLock,
    *,
    grace_s: float = GRACE_S,
    pass_s: float = PASS_S,
) -> Cleared:
    """Make one pass.

    Args:
        database: Says what there is to take away.
        live: Wakes those who read a session in which something is told.
        forge: Where branches and hidden references are.
        hosting: Where pull requests are.
        held: The lock under which this runs; every write is fenced by its token.
        grace_s: Seconds for which a run that has ended is left alone.
        pass_s: Seconds after which no more runs are taken up.

    Returns:
        What it came to.

    Raises:
        RateLimited: GitHub takes no more requests until then.
        BadCredentials: It does not accept who we are.
        LeaseLost: Another process holds the lock.
    """
    done, silent, until = Cleared(), 0, time.monotonic() + pass_s
    try:
        while silent < _MOST_SILENT and time.monotonic() < until:
            async with database.connection() as connection:
                due = await kept_work.next_due(connection, grace_s=grace_s)
            if due is None:
                break
            answered = await _clear(database, forge, hosting, held, due, done)
            silent = 0 if answered else silent + 1
    finally:
        for session_id in done.told:
            live.wake(session_id)
        if done.cleared or done.postponed:
            log.info(
                "proposals.cleared", cleared=done.cleared, left=done.branches_left, postponed=done.postponed
            )
    return done


async def _clear(
    database: Database, forge: Forge, hosting: Hosting, held: HeldLock, one: KeptWork, done: Cleared
) -> bool:
    """Take away what one run has left, and return whether GitHub answered."""
    async with held.transaction(database) as tx:
        # Beforehand, so that one of which nothing good comes never stands in the way of the others.
        await kept_work.begin(tx, one.run_id, pause_s=_pause_s(one))
        proposal = _proposal(one, await kept_work.commits_of(tx, one.run_id))
    try:
        gone = await clear(forge, hosting, Repository(**one.repository), proposal)
    except (RateLimited, BadCredentials):
        raise
    except (NoRepository, Archived) as error:
        # It was deleted or put away with all that stands in it: there is nothing more to do.
        async with held.transaction(database) as tx:
            done.cleared += await kept_work.clear(tx, one.run_id, branch_left=False, error=error.message)
        return True
    except TelewrightError as error:
        log.warning("proposal.postponed", run_id=str(one.run_id), code=error.code, error=error.message)
        async with held.transaction(database) as tx:
            await kept_work.note_trouble(tx, one.run_id, error=error.message)
        done.postponed += 1
        return not isinstance(error, GitHubUnavailable)
    except Exception as error:
        # What GitHub or an earlier version has left may be of any shape: that is trouble of this run alone.
        log.exception("proposal.clearing_failed", run_id=str(one.run_id))
        async with held.transaction(database) as tx:
            await kept_work.note_trouble(tx, one.run_id, error=f"it failed ({type(error).__name__})")
        done.postponed += 1
        return True
    async with held.transaction(database) as tx:
        if await kept_work.clear(tx, one.run_id, branch_left=not gone):
            done.cleared += 1
            if not gone:
                await _say_left(tx, one, proposal.branch)
                done.branches_left += 1
                done.told.add(one.session_id)
    return True


def _pause_s(one: KeptWork) -> float:
    return min(_FIRST_PAUSE_S * float(2 ** min(one.attempts, 10)), _LONGEST_PAUSE_S)


def _proposal(one: KeptWork, commits: frozenset[str]) -> Proposal:
    return Proposal(
        run=str(one.run_id),
        number=one.number,
        made_at=one.created_at,
        commits=commits,
        ending=_ENDINGS[one.status],
        # Of a cancelled one it is that it was cancelled.
        reason=one.reason or "" if one.status is not Status.CANCELLED else "",
        fell_short=one.status is not Status.SUCCEEDED,
    )


async def _say_left(tx: Connection, one: KeptWork, branch: str) -> None:
    """Tell where the run was asked for: it has ended, and tells nothing itself any more."""
    text = (
        f"The branch {branch} of {one.project} is left as it is, since somebody has pushed to it: "
        f"run {one.number} {_ENDINGS[one.status]}."
    )
    reply = Reply(blocks=[Text(text=text)], kind=Kind.NOTICE)
    with tracing.bind(session_id=one.session_id) as trace_id:
        await sessions.say(
            tx,
            one.session_id,
            author="telewright",
            body=reply.model_dump(mode="json"),
            trace_id=trace_id,
        )
