"""Everything that is new in a session, in a good order, at least once: what every front shows.

A reader has one durable cursor for the session's turns and one for each run's
events. An item is read again until it is acknowledged, and has a key that
never changes, so that a reader can tell when it has shown one before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from psycopg.rows import class_row

from graph.conversation.addresses import addresses_of
from graph.conversation.items import FeedItem, FeedRow, item_of
from graph.conversation.reading import AT_ONCE, Reading, run_of, run_stream, settled_stream, turns_stream
from shared.database import Connection, Database
from shared.ids import RunId, SessionId
from shared.ledger import cursors
from shared.live import Live


class Feed:
    """Follows sessions for readers."""

    def __init__(self, database: Database, live: Live, *, dashboard: str | None = None) -> None:
        """Put it together.

        Args:
            database: Where turns, events and cursors are.
            live: Wakes a follower as soon as there is something new.
            dashboard: The address of a dashboard that shows projects and runs, if there is one.
        """
        self._dashboard = dashboard
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
                {"reader": reader, "turns": turns_stream(session_id), "id": session_id},
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
        reading = Reading(self._database, reader, session_id, dashboard=self._dashboard)
        with self._live.watching(session_id) as watch:
            await reading.begin()
            while True:
                items = await reading.news()
                for item in items:
                    yield item
                if not items and not reading.behind:
                    await watch.wait()

    async def unread(self, reader: str, session_id: SessionId, *, limit: int = AT_ONCE) -> list[FeedItem]:
        """Return what is new for a reader, oldest first, and wait for nothing more.

        What was not acknowledged is returned again by the next call. Facts that say
        nothing to a person are passed over here, so that `behind` forgets them too.

        Args:
            reader: Whose cursors; it has attached itself before.
            session_id: What it reads.
            limit: The most items that are returned. Where there are fewer, that is all.
        """
        reading = Reading(self._database, reader, session_id, at_once=limit, dashboard=self._dashboard)
        items = await reading.unread()
        if reading.behind and len(items) < limit:
            await reading.begin()
        while reading.behind and len(items) < limit:
            items += await reading.news()
        if reading.silent:
            await self._pass_over(reader, reading.silent)
        return items[:limit]

    async def _pass_over(self, reader: str, silent: Mapping[RunId, int]) -> None:
        async with self._database.transaction() as tx:
            await cursors.advance(tx, reader=reader, to={run_stream(one): seq for one, seq in silent.items()})

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

    async def acknowledge(self, *items: FeedItem, tx: Connection | None = None) -> None:
        """Note that a reader has shown items, and so all before them in their streams.

        Args:
            *items: What was shown, of one reader and one session.
            tx: The transaction of the showing, if there is one; else it is noted in one of its own.
        """
        if tx is None:
            async with self._database.transaction() as own:
                return await self.acknowledge(*items, tx=own)
        to: dict[str, int] = {}
        for item in items:
            stream = turns_stream(item.session_id) if item.run_id is None else run_stream(item.run_id)
            to[stream] = max(item.position, to.get(stream, 0))
        await cursors.advance(tx, reader=items[0].reader, to=to)
        if any(item.ends_run for item in items):
            await self._settle(tx, items[0].reader, items[0].session_id)
        return None

    async def shown_at_once(self, item: FeedItem, reader: str, *, tx: Connection) -> bool:
        """Note that a reader shows an answer while it is given, if all that was said before is shown.

        Args:
            item: The answer, which stands right after the message that it answers.
            reader: Who shows it.
            tx: The transaction that gives the answer and shows it.

        Returns:
            Whether it was noted; else the reader will find the answer in its turn.
        """
        stream = turns_stream(item.session_id)
        return await cursors.step(tx, reader=reader, stream=stream, past=item.position - 2, to=item.position)

    async def recent(self, session_id: SessionId, n: int) -> list[FeedItem]:
        """Return the last things said in a session and what its runs came to, oldest first; moves no cursor."""
        async with self._database.connection() as connection:
            async with connection.cursor(row_factory=class_row(FeedRow)) as cursor:
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
            known = {row.run_id: await run_of(connection, row.run_id) for row in ends if row.run_id}
            links = {
                run.id: await addresses_of(connection, run, dashboard=self._dashboard)
                for run in known.values()
                if run is not None
            }
        rows = sorted([*turns, *ends], key=lambda row: row.created_at)[-n:] if n > 0 else []
        items = [
            item_of("", session_id, row, known.get(row.run_id), links.get(row.run_id, ()))
            if row.run_id
            else item_of("", session_id, row, None)
            for row in rows
        ]
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
            {"reader": reader, "stream": settled_stream(session_id), "id": session_id, "fresh": fresh},
        )
