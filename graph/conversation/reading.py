"""One reader in one session: where it is, and what comes after that."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
from psycopg.rows import class_row

from graph.conversation.addresses import addresses_of
from graph.conversation.items import ENDS, ENDS_WITHOUT_RESULT, FeedItem, FeedRow, item_of
from graph.conversation.replies import Link
from shared.database import Connection, Database
from shared.ids import RunId, SessionId
from shared.ledger import cursors, runs
from shared.ledger.runs import Run

AT_ONCE: Final = 500
"""Rows of one stream that are read at once."""

log = structlog.get_logger(__name__)

_BY_CURSORS = """
    WITH marks AS (
        SELECT COALESCE(max(position) FILTER (WHERE stream = %(turns_stream)s), 0) AS turns,
               COALESCE(max(position) FILTER (WHERE stream = %(settled_stream)s), 0) AS settled
          FROM cursors WHERE reader = %(reader)s AND stream IN (%(turns_stream)s, %(settled_stream)s)
    ), seen AS (
        SELECT runs.id AS run_id, position FROM runs
          JOIN cursors ON reader = %(reader)s AND stream = 'run:' || runs.id
         WHERE session_id = %(session_id)s AND number > (SELECT settled FROM marks)
    )
"""
"""Where the reader is by its durable cursors."""

_BY_MEMORY = """
    WITH marks AS (
        SELECT %(turns)s::bigint AS turns, %(settled)s::bigint AS settled
    ), seen AS (
        SELECT * FROM unnest(%(runs)s::uuid[], %(positions)s::bigint[]) AS seen (run_id, position)
    )
"""
"""Where the reader is by what it was given already."""

_NEWS = """
    (SELECT NULL::uuid AS run_id, seq, author AS type, user_id, body, trace_id, created_at, inbox_id
       FROM turns WHERE session_id = %(session_id)s AND seq > (SELECT turns FROM marks)
      ORDER BY seq LIMIT %(limit)s)
    UNION ALL
    (SELECT runs.id, news.seq, news.type, NULL, news.data, news.trace_id, news.created_at, NULL
       FROM runs LEFT JOIN seen ON seen.run_id = runs.id
      CROSS JOIN LATERAL (
            SELECT * FROM events WHERE run_id = runs.id AND seq > COALESCE(seen.position, 0)
             ORDER BY seq LIMIT %(limit)s) AS news
      WHERE session_id = %(session_id)s AND number > (SELECT settled FROM marks)
        AND last_event > COALESCE(seen.position, 0))
"""
"""What comes after that. Indexes: turns' and events' primary keys, runs_of_session."""


def turns_stream(session_id: SessionId) -> str:
    """Name the cursor of a session's turns."""
    return f"session:{session_id}"


def settled_stream(session_id: SessionId) -> str:
    """Name the cursor below which a session's runs have ended and were read to the end."""
    return f"settled:{session_id}"


def run_stream(run_id: RunId) -> str:
    """Name the cursor of a run's events."""
    return f"run:{run_id}"


class Reading:
    """Reads a session on, in memory ahead of the durable cursors."""

    def __init__(
        self,
        database: Database,
        reader: str,
        session_id: SessionId,
        *,
        at_once: int = AT_ONCE,
        dashboard: str | None = None,
    ) -> None:
        """Make it; the first reading begins at the durable cursors.

        Args:
            database: Where turns, events and cursors are.
            reader: Whose cursors.
            session_id: What is read.
            at_once: The most rows of one stream that one reading returns.
            dashboard: The address of a dashboard that shows projects and runs, if there is one.
        """
        self._dashboard = dashboard
        self._database = database
        self._reader = reader
        self._session_id = session_id
        self._at_once = at_once
        self._turns = 0
        self._settled = 0
        self._events: dict[RunId, int] = {}
        self._ended: dict[RunId, int] = {}
        """Runs whose end was yielded, with their numbers; forgotten once they are settled."""
        self._runs: dict[RunId, Run | None] = {}
        """None for one that cannot be read."""
        self._links: dict[RunId, list[Link]] = {}
        """Where people look at the projects of runs that have ended without a result."""
        self._told: set[RunId | None] = set()
        """Runs of which something was yielded."""
        self.behind = False
        """Whether there was more than one query returns."""
        self.silent: dict[RunId, int] = {}
        """How far each run's events say nothing to a person, before the first that does."""

    async def begin(self) -> None:
        """Go on from the durable cursors, as far as it is not further already.

        They are read by one statement: a run's is forgotten when the mark passes it.
        """
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                f"{_BY_CURSORS} SELECT turns, settled, run_id, position FROM marks LEFT JOIN seen ON true",
                self._where(),
            )
            for turns, settled, run_id, position in await cursor.fetchall():
                self._turns, self._settled = max(self._turns, turns), max(self._settled, settled)
                if run_id is not None:
                    self._events[run_id] = max(self._events.get(run_id, 0), position)

    async def unread(self) -> list[FeedItem]:
        """Return what comes after the durable cursors, by one statement."""
        async with self._database.connection() as connection:
            return await self._news(connection, _BY_CURSORS)

    async def news(self) -> list[FeedItem]:
        """Return what has come since the last time, or since it began."""
        async with self._database.connection() as connection:
            await self._forget_settled(connection)
            return await self._news(connection, _BY_MEMORY)

    async def _news(self, connection: Connection, position: str) -> list[FeedItem]:
        streams = await self._read(connection, position)
        await self._learn_runs(connection, streams)
        self.behind = any(len(stream) >= self._at_once for stream in streams)
        items = []
        for row in _merged(streams):
            item = self._take(row)
            if item is not None:
                items.append(item)
                self._told.add(item.run_id)
            elif row.run_id is not None and row.run_id not in self._told:
                self.silent[row.run_id] = row.seq
        return items

    async def _forget_settled(self, connection: Connection) -> None:
        """Keep the query as small as what is under way, however long a session is followed."""
        if not self._ended:
            return
        self._settled = await cursors.position(
            connection, reader=self._reader, stream=settled_stream(self._session_id)
        )
        for run_id in [one for one, number in self._ended.items() if number <= self._settled]:
            del self._ended[run_id]
            self._events.pop(run_id, None)
            self._runs.pop(run_id, None)
            self._links.pop(run_id, None)

    async def _read(self, connection: Connection, position: str) -> list[list[FeedRow]]:
        """Read turns and events by one statement, so that both are seen as of one moment."""
        async with connection.cursor(row_factory=class_row(FeedRow)) as cursor:
            await cursor.execute(f"{position} {_NEWS}", self._where())
            streams: dict[RunId | None, list[FeedRow]] = {}
            for row in await cursor.fetchall():
                streams.setdefault(row.run_id, []).append(row)
        return [sorted(stream, key=lambda row: row.seq) for stream in streams.values()]

    def _where(self) -> Mapping[str, object]:
        return {
            "reader": self._reader,
            "session_id": self._session_id,
            "turns_stream": turns_stream(self._session_id),
            "settled_stream": settled_stream(self._session_id),
            "turns": self._turns,
            "settled": self._settled,
            "runs": list(self._events),
            "positions": list(self._events.values()),
            "limit": self._at_once,
        }

    async def _learn_runs(self, connection: Connection, streams: Sequence[Sequence[FeedRow]]) -> None:
        for stream in streams:
            # Again for each news: its title follows its plan.
            if (run_id := stream[0].run_id) is not None:
                self._runs[run_id] = run = await run_of(connection, run_id)
                # Its end is the last that is told of a run.
                if run is not None and stream[-1].type in ENDS_WITHOUT_RESULT:
                    self._links[run_id] = await addresses_of(connection, run, dashboard=self._dashboard)

    def _take(self, row: FeedRow) -> FeedItem | None:
        if row.run_id is None:
            self._turns = row.seq
            return item_of(self._reader, self._session_id, row, None)
        self._events[row.run_id] = row.seq
        run = self._runs[row.run_id]
        if row.type in ENDS and run is not None:
            self._ended[row.run_id] = run.number
        return item_of(self._reader, self._session_id, row, run, self._links.get(row.run_id, ()))


async def run_of(tx: Connection, run_id: RunId) -> Run | None:
    """Return the run that events are of, or None for one that cannot be read, as another version may write it."""
    try:
        return await runs.get(tx, run_id)
    except ValueError:
        log.exception("run.unreadable", run_id=run_id)
        return None


def _merged(streams: Sequence[Sequence[FeedRow]]) -> list[FeedRow]:
    """Order rows by time, never against a stream's own numbers, whatever a clock did."""
    return [
        row for _, _, row in heapq.merge(*(_timed(stream) for stream in streams), key=lambda one: one[:2])
    ]


def _timed(stream: Sequence[FeedRow]) -> list[tuple[datetime, str, FeedRow]]:
    timed, latest = [], stream[0].created_at
    for row in stream:
        latest = max(latest, row.created_at)
        timed.append((latest, str(row.run_id or ""), row))
    return timed
