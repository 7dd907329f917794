"""Removes what is over and old, a little at a time, so that nobody waits for it.

Every batch is a short transaction under the lock's token that skips what somebody else has locked.
What a run that has not ended needs stays, and so does what a reader has not read yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog
from prometheus_client import Counter

from scheduler.timetable import PeriodicJob
from shared.database import Database
from shared.ids import RunId
from shared.locks import HeldLock
from shared.settings import Settings

_BATCH = 500
_RUNS_AT_ONCE = 50

REMOVED: Final = Counter("telewright_retention_removed_total", "Rows that were removed, by table", ["table"])

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ages:
    """How long what is kept."""

    days: int
    """Events, what came in, what was sent, finished jobs, attachments; what was said stays."""
    checkpoint_days: int
    """Checkpoints of ended runs."""
    runs: int
    """The most ended runs that keep events and checkpoints."""
    messages: int
    """The most messages that are known by what came in, but for those of the last two days."""
    batch: int = _BATCH
    """The most rows of a transaction."""

    @classmethod
    def of(cls, settings: Settings) -> Ages:
        """Return what a person has set."""
        return cls(
            settings.retention_days,
            settings.retention_checkpoint_days,
            settings.retention_runs,
            settings.retention_messages,
        )


def retention(database: Database, ages: Ages) -> PeriodicJob:
    """Return the job: every hour, at a time at which nothing else is due."""
    return PeriodicJob("retention", "17 * * * *", ttl_s=30, body=partial(remove_what_is_over, database, ages))


async def remove_what_is_over(database: Database, ages: Ages, held: HeldLock) -> dict[str, int]:
    """Make one pass.

    Returns:
        How many rows were removed, by table.

    Raises:
        LeaseLost: Another process holds the lock.
    """
    removed: dict[str, int] = {}
    async for table, count in _Pass(database, ages, held).batches():
        removed[table] = removed.get(table, 0) + count
        REMOVED.labels(table).inc(count)
    if removed:
        log.info("retention.ended", **removed)
    return removed


class _Pass:
    """One look at everything."""

    def __init__(self, database: Database, ages: Ages, held: HeldLock) -> None:
        self._database = database
        self._ages = ages
        self._held = held

    async def batches(self) -> AsyncIterator[tuple[str, int]]:
        """Remove everything that is due, and yield after each transaction what it has removed."""
        async for batch in self._checkpoints():
            yield batch
        async for batch in self._events():
            yield batch
        # Attachments before the messages that they came with.
        for table, statement in _BY_AGE.items():
            async for count in self._all(statement, days=self._ages.days, kept=self._ages.messages):
                yield table, count

    async def _checkpoints(self) -> AsyncIterator[tuple[str, int]]:
        while due := await self._due(_RUNS_WITH_CHECKPOINTS, self._ages.checkpoint_days):
            threads = [thread_id for _, thread_id in due]
            # A checkpoint before what it is made of: none is ever there by half.
            for table in ("checkpoints", "checkpoint_writes", "checkpoint_blobs"):
                async for count in self._all(_OF_THREADS.format(table=table), threads=threads):
                    yield table, count
            await self._once("UPDATE runs SET checkpoints_removed_at = now() WHERE id = ANY(%(runs)s)", due)

    async def _events(self) -> AsyncIterator[tuple[str, int]]:
        while due := await self._due(_RUNS_WITH_EVENTS, self._ages.days):
            async for count in self._all(_EVENTS, runs=[run_id for run_id, _ in due]):
                yield "events", count
            await self._once("UPDATE runs SET events_removed_at = now() WHERE id = ANY(%(runs)s)", due)

    async def _due(self, query: str, days: int) -> list[tuple[RunId, str]]:
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                query, {"days": days, "kept": self._ages.runs, "limit": _RUNS_AT_ONCE}
            )
            return [(RunId(row[0]), row[1]) for row in await cursor.fetchall()]

    async def _all(self, statement: str, **parameters: Any) -> AsyncIterator[int]:  # noqa: ANN401
        """Execute a statement that removes a batch until nothing is left; yield each one's number of rows."""
        while True:
            began = time.monotonic()
            async with self._held.transaction(self._database) as tx:
                cursor = await tx.execute(statement, {**parameters, "batch": self._ages.batch})
            if cursor.rowcount > 0:
                yield cursor.rowcount
            if cursor.rowcount < self._ages.batch:
                return
            # As long as it took: at most half of what the disk can do goes into tidying up.
            await asyncio.sleep(time.monotonic() - began)

    async def _once(self, statement: str, due: list[tuple[RunId, str]]) -> None:
        async with self._held.transaction(self._database) as tx:
            await tx.execute(statement, {"runs": [run_id for run_id, _ in due]})


_OVER = """
    ended_at IS NOT NULL
    AND (ended_at < now() - make_interval(days => %(days)s)
         OR number <= (SELECT number FROM runs AS newer WHERE newer.ended_at IS NOT NULL
                        ORDER BY number DESC OFFSET %(kept)s LIMIT 1))
"""
"""Runs that ended long ago, or before so many others."""

_RUNS_WITH_CHECKPOINTS = f"""
    SELECT id, thread_id FROM runs
     WHERE {_OVER} AND checkpoints_removed_at IS NULL
       AND NOT EXISTS (SELECT FROM runs AS live WHERE live.ended_at IS NULL AND live.thread_id = runs.thread_id)
     ORDER BY ended_at LIMIT %(limit)s
"""
"""Indexes: runs_with_checkpoints, runs_open. A thread that goes on keeps all that it has."""

_OF_THREADS = """
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table} WHERE thread_id = ANY(%(threads)s) LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
"""
"""Index: the tables' own on the thread."""

_RUNS_WITH_EVENTS = f"""
    SELECT id, thread_id FROM runs
     WHERE {_OVER} AND events_removed_at IS NULL
       AND NOT EXISTS (
           SELECT FROM cursors AS heard
             LEFT JOIN cursors AS settled
               ON settled.reader = heard.reader AND settled.stream = 'settled:' || runs.session_id
             LEFT JOIN cursors AS seen ON seen.reader = heard.reader AND seen.stream = 'run:' || runs.id
            WHERE heard.stream = 'session:' || runs.session_id
              AND runs.number > COALESCE(settled.position, 0) AND runs.last_event > COALESCE(seen.position, 0))
     ORDER BY ended_at LIMIT %(limit)s
"""
"""Runs whose events everybody has read who reads their session: see `graph.conversation.feed`.

Indexes: runs_with_events, cursors_of_stream, the cursors' primary key.
"""

_EVENTS = """
    DELETE FROM events WHERE ctid = ANY (ARRAY(
        SELECT events.ctid FROM runs JOIN events ON run_id = runs.id
         WHERE runs.id = ANY(%(runs)s) AND seq < last_event LIMIT %(batch)s FOR UPDATE OF events SKIP LOCKED))
"""
"""The last one stays: it says how the run ended. Index: the events' primary key."""

_OLD = "now() - make_interval(days => %(days)s)"

_BY_AGE: Final = {
    "attachments": f"""
        DELETE FROM attachments WHERE id = ANY (ARRAY(
            SELECT id FROM attachments
             WHERE created_at < {_OLD}
               AND NOT EXISTS (SELECT FROM runs WHERE runs.id = attachments.run_id AND ended_at IS NULL)
             ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
    """,
    # What was said stays in the turns; they forget how it came. Telegram delivers an update for a day
    # (https://core.telegram.org/bots/api#getting-updates): so long each must be known again.
    "inbox": f"""
        WITH old AS MATERIALIZED (
            SELECT id FROM inbox
             WHERE (handled_at < {_OLD}
                    OR handled_at < now() - interval '2 days'
                       AND handled_at <= (SELECT handled_at FROM inbox WHERE handled_at IS NOT NULL
                                           ORDER BY handled_at DESC OFFSET %(kept)s LIMIT 1))
               AND NOT EXISTS (SELECT FROM attachments WHERE attachments.inbox_id = inbox.id)
             ORDER BY handled_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
        ), unlinked AS (
            UPDATE turns SET inbox_id = NULL FROM old WHERE turns.inbox_id = old.id
        ), noted AS (
            -- That a topic was about to be opened for it: `bot.topics`.
            DELETE FROM cursors USING old WHERE stream = 'topic:' || old.id
        )
        DELETE FROM inbox USING old WHERE inbox.id = old.id
    """,
    # What is delivered again so late is looked at again, which does no harm.
    "github_deliveries": f"""
        DELETE FROM github_deliveries WHERE id = ANY (ARRAY(
            SELECT id FROM github_deliveries
             WHERE handled_at < {_OLD}
             ORDER BY handled_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
    """,
    # A forum's overview stands for ever; what is asked or under way is still edited. What waits for a chat to
    # open, or for somebody who can read it, has waited long enough.
    "outbox": f"""
        WITH old AS MATERIALIZED (
            SELECT id FROM outbox
             WHERE created_at < {_OLD} AND key NOT LIKE 'overview:%%'
               AND (status = 'dropped' OR status = 'sent' AND sent_revision >= revision OR due_at = 'infinity')
               AND NOT EXISTS (SELECT FROM approvals WHERE approvals.id = approval_id AND status = 'pending')
               AND NOT EXISTS (SELECT FROM runs WHERE number = run_number AND ended_at IS NULL)
             ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
        ), buttons AS (
            DELETE FROM outbox_buttons USING old WHERE outbox_id = old.id RETURNING outbox_buttons.id
        ), noted AS (
            -- That they were pressed: `bot.presses`.
            DELETE FROM cursors USING buttons WHERE stream = 'pressed:' || buttons.id
        )
        DELETE FROM outbox USING old WHERE outbox.id = old.id
    """,
    "procrastinate_jobs": f"""
        DELETE FROM procrastinate_jobs WHERE id = ANY (ARRAY(
            SELECT id FROM procrastinate_jobs AS job
             WHERE status NOT IN ('todo', 'doing')
               AND NOT EXISTS (SELECT FROM procrastinate_events WHERE job_id = job.id AND at >= {_OLD})
             ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED))
    """,
}
"""What goes by its age, and what came in by its number as well, in this order. Indexes: attachments_by_age, inbox_handled, outbox_by_age, cursors_of_stream."""
