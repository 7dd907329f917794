"""Everything that is new in a session, in a good order, at least once: what every front shows.

A reader has one durable cursor for the session's turns and one for each run's
events. An item is read again until it is acknowledged, and has a key that
never changes, so that a reader can tell when it has shown one before.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.rows import class_row

from graph.conversation.narration import narrate
from graph.conversation.replies import Reply
from shared.database import Connection, Database
from shared.ids import RunId, SessionId, UserId
from shared.ledger import cursors, events, runs
from shared.ledger.events import Event
from shared.ledger.runs import Run
from shared.live import Live

_AT_ONCE = 500
"""Rows of one stream that are read at once."""

_ENDS = frozenset({events.RUN_SUCCEEDED, events.RUN_FAILED, events.RUN_CANCELLED, events.RUN_TIMED_OUT})


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One thing to show."""

    key: str
    """Stable: the same thing has the same key for every reader, and for ever."""
    reader: str
    session_id: SessionId
    author: Literal["person", "telewright"]
    user_id: UserId | None
    """Who said it; for an answer, whom it answers."""
    text: str
    """What a person said; empty otherwise."""
    reply: Reply | None
    """What Telewright says; None for what a person said."""
    run_id: RunId | None
    """The run whose event it is; None for a turn."""
    position: int
    ends_run: bool
    at: datetime
    inbox_id: int | None = None
    """The message that a turn is, or answers; None for a greeting and for what a run tells."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A turn or an event, as the one query returns both."""

    run_id: RunId | None
    seq: int
    type: str
    """An event's type, or who said a turn."""
    user_id: UserId | None
    body: dict[str, Any]
    trace_id: str
    created_at: datetime
    inbox_id: int | None


class Feed:
    """Follows sessions for readers."""

    def __init__(self, database: Database, live: Live) -> None:
        """Put it together.

        Args:
            database: Where turns, events and cursors are.
            live: Wakes a follower as soon as there is something new.
        """
        self._database = database
        self._live = live

    async def attach(self, reader: str, session_id: SessionId) -> None:
        """Let a reader begin here, unless it has begun before: what was said so far is not shown to it.

        A session in which nobody has spoken yet is shown from its greeting on.

        Args:
            reader: Whose cursors: stable over restarts, as `telegram` or `terminal:` and a name.
            session_id: What it reads.
        """
        async with self._database.transaction() as tx:
            # Nothing is said and no run is accepted in the session until the cursors stand.
            await tx.execute("SELECT 1 FROM sessions WHERE id = %s FOR NO KEY UPDATE", [session_id])
            cursor = await tx.execute(
                """
                INSERT INTO cursors (reader, stream, position)
                SELECT %(reader)s, %(turns)s,
                       CASE WHEN EXISTS (SELECT FROM turns WHERE session_id = %(id)s AND author = 'person')
                            THEN last_turn ELSE 0 END
                  FROM sessions WHERE id = %(id)s
                ON CONFLICT DO NOTHING
                """,
                {"reader": reader, "turns": _turns(session_id), "id": session_id},
            )
            if cursor.rowcount == 0:
                return
            # Runs that have not ended may tell more; those before the first of them are settled.
            await tx.execute(
                """
                INSERT INTO cursors (reader, stream, position)
                SELECT %(reader)s, 'run:' || id, last_event FROM runs
                 WHERE session_id = %(id)s
                   AND number >= (SELECT min(number) FROM runs WHERE session_id = %(id)s AND ended_at IS NULL)
                ON CONFLICT DO NOTHING
                """,
                {"reader": reader, "id": session_id},
            )
            await self._settle(tx, reader, session_id, fresh=True)

    async def follow(self, reader: str, session_id: SessionId) -> AsyncIterator[FeedItem]:
        """Yield what is new for a reader, then what becomes new, for ever.

        What was yielded and not acknowledged is yielded again by the next `follow`.
        """
        await self.attach(reader, session_id)
        reading = _Reading(self._database, reader, session_id)
        with self._live.watching(session_id) as watch:
            await reading.begin()
            while True:
                items = await reading.news()
                for item in items:
                    yield item
                if not items and not reading.behind:
                    await watch.wait()

    async def unread(self, reader: str, session_id: SessionId, *, limit: int = _AT_ONCE) -> list[FeedItem]:
        """Return what is new for a reader, oldest first, and wait for nothing more.

        What was not acknowledged is returned again by the next call. Facts that say
        nothing to a person are passed over here, so that `behind` forgets them too.

        Args:
            reader: Whose cursors; it has attached itself before.
            session_id: What it reads.
            limit: The most items that are returned.
        """
        reading = _Reading(self._database, reader, session_id, at_once=limit)
        await reading.begin()
        items = await reading.news()
        while not items and reading.behind:
            items = await reading.news()
        if reading.silent:
            async with self._database.transaction() as tx:
                for run_id, position in reading.silent.items():
                    await cursors.advance(tx, reader=reader, stream=_run(run_id), to=position)
        return items[:limit]

    async def behind(self, reader: str, front: str) -> list[SessionId]:
        """Return a front's sessions in which something is new for a reader that has attached itself.

        Indexes: sessions (front, external_key), the cursors' primary key, runs_of_session.
        A session costs three look-ups, and its runs that have not been read to their ends one each.
        """
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT sessions.id
                  FROM sessions
                  JOIN cursors AS heard ON heard.reader = %(reader)s AND heard.stream = 'session:' || sessions.id
                 WHERE front = %(front)s
                   AND (last_turn > heard.position OR EXISTS (
                        SELECT FROM runs
                          LEFT JOIN cursors AS seen ON seen.reader = %(reader)s AND seen.stream = 'run:' || runs.id
                         WHERE session_id = sessions.id
                           AND number > COALESCE((SELECT position FROM cursors AS settled
                                                   WHERE settled.reader = %(reader)s
                                                     AND settled.stream = 'settled:' || sessions.id), 0)
                           AND last_event > COALESCE(seen.position, 0)))
                """,
                {"reader": reader, "front": front},
            )
            return [SessionId(row[0]) for row in await cursor.fetchall()]

    async def acknowledge(self, item: FeedItem, tx: Connection | None = None) -> None:
        """Note that a reader has shown an item, and so all before it in its stream.

        Args:
            item: What was shown.
            tx: The transaction of the showing, if there is one; else it is noted in one of its own.
        """
        if tx is None:
            async with self._database.transaction() as own:
                return await self.acknowledge(item, own)
        stream = _turns(item.session_id) if item.run_id is None else _run(item.run_id)
        await cursors.advance(tx, reader=item.reader, stream=stream, to=item.position)
        if item.ends_run:
            await self._settle(tx, item.reader, item.session_id)
        return None

    async def recent(self, session_id: SessionId, n: int) -> list[FeedItem]:
        """Return the last things said in a session and what its runs came to, oldest first; moves no cursor."""
        async with self._database.connection() as connection:
            async with connection.cursor(row_factory=class_row(_Row)) as cursor:
                await cursor.execute(
                    """
                    SELECT NULL::uuid AS run_id, seq, author AS type, user_id, body, trace_id, created_at, inbox_id
                      FROM turns WHERE session_id = %(id)s ORDER BY seq DESC LIMIT %(n)s
                    """,
                    {"id": session_id, "n": n},
                )
                turns = await cursor.fetchall()
                await cursor.execute(
                    """
                    SELECT run_id, seq, type, NULL AS user_id, data AS body, events.trace_id, events.created_at,
                           NULL::bigint AS inbox_id
                      FROM (SELECT id, last_event FROM runs WHERE session_id = %(id)s AND ended_at IS NOT NULL
                             ORDER BY number DESC LIMIT %(n)s) AS ended
                      JOIN events ON run_id = ended.id AND seq = last_event
                    """,
                    {"id": session_id, "n": n},
                )
                ends = await cursor.fetchall()
            known = {row.run_id: await runs.get(connection, row.run_id) for row in ends if row.run_id}
        rows = sorted([*turns, *ends], key=lambda row: row.created_at)[-n:] if n > 0 else []
        items = [_item("", session_id, row, known.get(row.run_id) if row.run_id else None) for row in rows]
        return [item for item in items if item is not None]

    async def _settle(
        self, tx: Connection, reader: str, session_id: SessionId, *, fresh: bool = False
    ) -> None:
        """Move the mark below which a session's runs have ended and been read to the end.

        Runs of a session commit in the order of their numbers (`graph.acceptance`), so
        that none can appear below the mark later. To a `fresh` reader, an ended run
        without a cursor is history. The runs' own cursors are forgotten with them.
        """
        await tx.execute(
            """
            WITH mark AS (
                SELECT COALESCE(max(position), 0) AS number FROM cursors
                 WHERE reader = %(reader)s AND stream = %(stream)s
            ), above AS (
                SELECT runs.id, number, ended_at IS NULL
                       OR COALESCE(position, CASE WHEN %(fresh)s THEN last_event ELSE 0 END) < last_event
                       AS unsettled
                  FROM runs LEFT JOIN cursors ON reader = %(reader)s AND stream = 'run:' || runs.id
                 WHERE session_id = %(id)s AND number > (SELECT number FROM mark)
            ), moved AS (
                SELECT COALESCE((SELECT min(number) - 1 FROM above WHERE unsettled),
                                (SELECT max(number) FROM above), (SELECT number FROM mark)) AS number
            ), forgotten AS (
                DELETE FROM cursors USING above, moved
                 WHERE reader = %(reader)s AND stream = 'run:' || above.id AND above.number <= moved.number
            )
            INSERT INTO cursors (reader, stream, position) SELECT %(reader)s, %(stream)s, number FROM moved
            ON CONFLICT (reader, stream) DO UPDATE SET position = GREATEST(cursors.position, excluded.position)
            """,
            {"reader": reader, "stream": _settled(session_id), "id": session_id, "fresh": fresh},
        )


class _Reading:
    """One reader following one session: where it is, in memory ahead of the durable cursors."""

    def __init__(
        self, database: Database, reader: str, session_id: SessionId, *, at_once: int = _AT_ONCE
    ) -> None:
        self._database = database
        self._reader = reader
        self._session_id = session_id
        self._at_once = at_once
        self._turns = 0
        self._events: dict[RunId, int] = {}
        self._ended: dict[RunId, int] = {}
        """Runs whose end was yielded, with their numbers; forgotten once they are settled."""
        self._settled = 0
        self._runs: dict[RunId, Run] = {}
        self.behind = False
        """Whether there was more than one query returns."""
        self.silent: dict[RunId, int] = {}
        """How far each run's events say nothing to a person, before the first that does."""
        self._told: set[RunId | None] = set()
        """Runs of which something was yielded."""

    async def begin(self) -> None:
        """Start from the durable cursors, read by one statement: a run's is forgotten when the mark passes it."""
        reader, session_id = self._reader, self._session_id
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                """
                WITH marks AS (
                    SELECT stream, position FROM cursors
                     WHERE reader = %(reader)s AND stream IN (%(turns)s, %(settled)s)
                )
                SELECT NULL::uuid, stream, position FROM marks
                UNION ALL
                SELECT runs.id, stream, position FROM runs
                  JOIN cursors ON reader = %(reader)s AND stream = 'run:' || runs.id
                 WHERE session_id = %(id)s
                   AND number > COALESCE((SELECT position FROM marks WHERE stream = %(settled)s), 0)
                """,
                {
                    "reader": reader,
                    "turns": _turns(session_id),
                    "settled": _settled(session_id),
                    "id": session_id,
                },
            )
            for run_id, stream, position in await cursor.fetchall():
                if run_id is not None:
                    self._events[RunId(run_id)] = int(position)
                elif stream == _turns(session_id):
                    self._turns = int(position)
                else:
                    self._settled = int(position)

    async def news(self) -> list[FeedItem]:
        """Return what has come since the last time."""
        async with self._database.connection() as connection:
            await self._forget_settled(connection)
            rows = await self._read(connection)
            await self._learn_runs(connection, rows)
        self.behind = any(len(stream) >= self._at_once for stream in rows)
        items = []
        for row in _merged(rows):
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
            connection, reader=self._reader, stream=_settled(self._session_id)
        )
        for run_id in [one for one, number in self._ended.items() if number <= self._settled]:
            del self._ended[run_id]
            self._events.pop(run_id, None)
            self._runs.pop(run_id, None)

    async def _read(self, connection: Connection) -> list[list[_Row]]:
        """Read turns and events by one statement, so that both are seen as of one moment.

        Indexes: turns' and events' primary keys, runs_of_session.
        """
        async with connection.cursor(row_factory=class_row(_Row)) as cursor:
            await cursor.execute(
                """
                (SELECT NULL::uuid AS run_id, seq, author AS type, user_id, body, trace_id, created_at, inbox_id
                   FROM turns WHERE session_id = %(session_id)s AND seq > %(turns)s ORDER BY seq LIMIT %(limit)s)
                UNION ALL
                (SELECT runs.id, news.seq, news.type, NULL, news.data, news.trace_id, news.created_at, NULL
                   FROM runs
                   LEFT JOIN unnest(%(runs)s::uuid[], %(positions)s::bigint[]) AS read (id, position)
                        ON read.id = runs.id
                  CROSS JOIN LATERAL (
                        SELECT * FROM events WHERE run_id = runs.id AND seq > COALESCE(read.position, 0)
                         ORDER BY seq LIMIT %(limit)s) AS news
                  WHERE session_id = %(session_id)s AND number > %(settled)s
                    AND last_event > COALESCE(read.position, 0))
                """,
                {
                    "session_id": self._session_id,
                    "turns": self._turns,
                    "runs": list(self._events),
                    "positions": list(self._events.values()),
                    "settled": self._settled,
                    "limit": self._at_once,
                },
            )
            streams: dict[RunId | None, list[_Row]] = {}
            for row in await cursor.fetchall():
                streams.setdefault(row.run_id, []).append(row)
        return [sorted(stream, key=lambda row: row.seq) for stream in streams.values()]

    async def _learn_runs(self, connection: Connection, streams: Sequence[Sequence[_Row]]) -> None:
        for run_id in {stream[0].run_id for stream in streams} - {None}:
            if run_id is not None and run_id not in self._runs:
                self._runs[run_id] = await runs.get(connection, run_id)

    def _take(self, row: _Row) -> FeedItem | None:
        if row.run_id is None:
            self._turns = row.seq
            return _item(self._reader, self._session_id, row, None)
        self._events[row.run_id] = row.seq
        if row.type in _ENDS:
            self._ended[row.run_id] = self._runs[row.run_id].number
        return _item(self._reader, self._session_id, row, self._runs[row.run_id])


def _merged(streams: Sequence[Sequence[_Row]]) -> list[_Row]:
    """Order rows by time, never against a stream's own numbers, whatever a clock did."""
    return [
        row for _, _, row in heapq.merge(*(_timed(stream) for stream in streams), key=lambda one: one[:2])
    ]


def _timed(stream: Sequence[_Row]) -> list[tuple[datetime, str, _Row]]:
    timed, latest = [], stream[0].created_at
    for row in stream:
        latest = max(latest, row.created_at)
        timed.append((latest, str(row.run_id or ""), row))
    return timed


def _item(reader: str, session_id: SessionId, row: _Row, run: Run | None) -> FeedItem | None:
    """Return a row as a thing to show, or nothing when it says nothing to a person."""
    reply: Reply | None
    if run is None:
        reply = None if row.type == "person" else Reply.model_validate(row.body)
    else:
        event = Event(run.id, row.seq, row.type, row.body, row.trace_id, row.created_at)
        reply = narrate(event, run)
        if reply is None:
            return None
    return FeedItem(
        key=f"event:{run.id}:{row.seq}" if run else f"turn:{session_id}:{row.seq}",
        reader=reader,
        session_id=session_id,
        author="person" if row.type == "person" else "telewright",
        user_id=row.user_id,
        text=_said(row.body) if row.type == "person" else "",
        reply=reply,
        run_id=run.id if run else None,
        position=row.seq,
        ends_run=row.type in _ENDS,
        at=row.created_at,
        inbox_id=row.inbox_id,
    )


def _said(body: dict[str, Any]) -> str:
    """Return a person's turn as a line: the text, or the button that was pressed, and the files' names."""
    decision = body.get("decision")
    if not isinstance(decision, dict):
        files = "".join(f" [{file['name']}]" for file in body.get("attachments", ()))
        return f"{body.get('text', '')}{files}".strip()
    return " ".join(str(decision[key]) for key in ("choice", "text") if decision.get(key))


def _turns(session_id: SessionId) -> str:
    return f"session:{session_id}"


def _settled(session_id: SessionId) -> str:
    return f"settled:{session_id}"


def _run(run_id: RunId) -> str:
    return f"run:{run_id}"
