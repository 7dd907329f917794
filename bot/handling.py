"""What stands in the inbox is handled: in order per session, sessions beside one another."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from heapq import heappop, heappush
from typing import Any, Final

import structlog
from aiogram import Bot
from aiogram.types import Update
from prometheus_client import Counter
from psycopg.rows import class_row
from pydantic import ValidationError

from bot import outbox, texts
from bot.arrived import Arrived
from bot.aside import Aside
from bot.outgoing import Outgoing, Toast, Words
from bot.places import FRONT, Place, place_in
from graph.conversation import Stranger
from shared import tracing
from shared.database import Connection, Database
from shared.errors import TelewrightError
from shared.ids import SessionId, UserId
from shared.lease import LeaseLost
from shared.ledger.users import Role, User
from shared.outages import OUTAGE, outlast
from shared.reasons import reason_of
from shared.redaction import Redactor
from shared.storable import storable

PAUSES_S: Final = (1.0, 5.0)
"""The pauses between the attempts to handle an update; after the last attempt it is put aside."""

_AT_ONCE_EACH = 4
"""Updates of one person that are handled at the same time. There is no limit for all of them together, since
one person's slow work would fill it and delay the others'; people are let in one by one."""
_LIMIT_S = 240.0
"""How long a handler may take."""
_DEADLY = 5
"""So many processes in a row that end while they handle an update make it one that nobody handles."""
_LINE = 50
"""Updates of one session that are read ahead."""
_READ = 200
"""Updates that are read at once."""
_LOOK_S = 1.0
"""How often the inbox is looked at without being woken: what other processes write may come without a word."""
_OUTAGE_S = 1.0
_LET_GO = "Its sender is not let in any more."

FAILED = Counter("telewright_bot_updates_failed_total", "Updates that were put aside after several attempts")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the inbox that waits to be handled."""

    id: int
    external_id: str
    session_id: SessionId
    external_key: str
    user_id: UserId
    user_name: str
    user_role: Role
    user_removed: bool
    payload: dict[str, Any]
    trace_id: str
    received_at: datetime
    attempts: int
    begun: int
    """How many processes found it lying and began with it."""
    was_aside: bool = False
    """Whether what its handler had to wait for has come."""

    def __lt__(self, other: _Row) -> bool:
        """Order by Telegram's numbers: what came late goes before what was said after it."""
        return int(self.external_id) < int(other.external_id)

    @property
    def place(self) -> Place:
        """Where its session is now: a group may have moved since the update came."""
        return Place.parse(self.external_key)

    def arrived(self, update: Update) -> Arrived:
        """Return it as a handler gets it."""
        user = User(self.user_id, self.user_name, self.user_role)
        return Arrived(
            self.id,
            update,
            self.session_id,
            user,
            self.place,
            self.trace_id,
            self.received_at,
            again=self.was_aside or self.attempts > 0,
        )


@dataclass(slots=True)
class _Line:
    """What waits in one session."""

    rows: list[_Row] = field(default_factory=list)
    """A heap."""
    length: int = 0
    """With the one that is being handled."""


@dataclass(frozen=True, slots=True)
class _Again:
    """A row that is to be tried again."""

    row: _Row
    pause_s: float


class Unreadable(TelewrightError):
    """An update that was stored cannot be read."""

    code = "unreadable_update"


class Handling:
    """Gives what is not handled yet to a handler, and puts aside what cannot be handled."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        handle: Callable[[Arrived], Awaitable[None]],
        *,
        wake_sender: Callable[[int], None],
        pauses_s: Sequence[float] = PAUSES_S,
        limit_s: float = _LIMIT_S,
    ) -> None:
        """Put it together.

        Args:
            database: Where the inbox is.
            bot: What updates are bound to.
            handle: Does what an update asks. It may be given the same one again after a crash, unless
                it has noted in the inbox that everything it causes is stored. It raises `Aside` to be
                given it again when something has come, while its session goes on.
            wake_sender: Called with a chat's id after something for it was written to the outbox.
            pauses_s: Seconds between the attempts to handle an update, of which there is one more.
            limit_s: Seconds after which an attempt counts as failed.
        """
        self._database = database
        self._bot = bot
        self._handle = handle
        self._wake_sender = wake_sender
        self._pauses_s = pauses_s
        self._limit_s = limit_s
        self._woken = asyncio.Event()
        # Errors of HTTP clients quote URLs, and the bot's hold its token, as a whole or escaped.
        self._redactor = Redactor([bot.token, bot.token.partition(":")[2]])
        # One per person who is let in, and these are few.
        self._slots_each = defaultdict[UserId, asyncio.Semaphore](lambda: asyncio.Semaphore(_AT_ONCE_EACH))
        self._lines: dict[SessionId, _Line] = {}
        self._held: set[int] = set()
        """Rows that were read: they wait here, are being handled, or are done and not marked yet."""
        self._done: list[int] = []
        self._left: set[int] = set()
        """Rows that were there when we began: whoever had them before may have ended over one."""

    def wake(self) -> None:
        """Look at the inbox now."""
        self._woken.set()

    async def run(self) -> None:
        """Handle what stands there, then what comes, until cancelled."""
        async with asyncio.TaskGroup() as serving:
            await self._look(serving)
            self._left = set(self._held)
            while True:
                self._woken.clear()
                while await self._look(serving) == _READ:
                    pass
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._woken.wait()

    async def _look(self, serving: asyncio.TaskGroup) -> int:
        """Mark what is done, and put what has come into its session's line; return how much came."""
        done, self._done = self._done, []
        full = [session_id for session_id, line in self._lines.items() if line.length >= _LINE]
        rows = await outlast(lambda: self._read(done, full))
        self._held.difference_update(done)
        for row in rows:
            self._held.add(row.id)
            self._line_up(serving, row)
        return len(rows)

    def _line_up(self, serving: asyncio.TaskGroup, row: _Row) -> None:
        line = self._lines.get(row.session_id)
        if line is None:
            line = self._lines[row.session_id] = _Line()
            serving.create_task(self._serve(serving, row.session_id, line), name="handling.line")
        heappush(line.rows, row)
        line.length += 1

    async def _read(self, done: list[int], full: list[SessionId]) -> list[_Row]:
        async with self._database.connection() as connection:
            return await _unhandled(connection, done=done, held=list(self._held), full=full)

    async def _serve(self, serving: asyncio.TaskGroup, session_id: SessionId, line: _Line) -> None:
        """Handle a session's line to its end, one after another."""
        while line.rows:
            user_id = line.rows[0].user_id
            async with self._slots_each[user_id]:
                if line.rows[0].user_id != user_id:
                    # Somebody else's has come late, and goes before it.
                    continue
                row = heappop(line.rows)
                try:
                    again = await self._attempt(row)
                except Aside as aside:
                    again = None
                    serving.create_task(self._come_back(serving, row, aside), name="handling.aside")
            if again is not None:
                heappush(line.rows, again.row)
                await asyncio.sleep(again.pause_s)
                continue
            line.length -= 1
            if line.length == _LINE // 2:
                # There may be more of it than was read ahead.
                self.wake()
        del self._lines[session_id]

    async def _come_back(self, serving: asyncio.TaskGroup, row: _Row, aside: Aside) -> None:
        """Put a row into its session's line again when what it waits for has ended: before what stands there."""
        await asyncio.wait(aside.until)
        self._line_up(serving, replace(row, was_aside=True))

    async def _attempt(self, row: _Row) -> _Again | None:
        """Have a row handled; return it when it has to be tried again."""
        if row.user_removed:
            await self._put_aside(row, _LET_GO, told=None)
            return None
        if row.id in self._left:
            self._left.remove(row.id)
            if row.begun >= _DEADLY:
                FAILED.inc()
                await self._put_aside(row, "Process after process has ended over it.", told=_apology(row))
                return None
            # Beforehand, since a process that ends over it notes nothing any more.
            await outlast(partial(self._note_begun, row))
        try:
            await self._give(row)
        except OUTAGE as error:
            log.warning("database.missed", error=str(error).partition("\n")[0])
            return _Again(row, _OUTAGE_S)
        except (Aside, LeaseLost):
            raise
        except Stranger:
            # They were let go while it waited in its line.
            await self._put_aside(row, _LET_GO, told=None)
            return None
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged, and its sender is told
            return await self._failed(replace(row, attempts=row.attempts + 1), error)
        self._done.append(row.id)
        return None

    async def _give(self, row: _Row) -> None:
        with tracing.bind(trace_id=row.trace_id, session_id=row.session_id):
            async with asyncio.timeout(self._limit_s):
                await self._handle(row.arrived(_parsed(row, self._bot)))

    async def _failed(self, row: _Row, error: Exception) -> _Again | None:
        reason = f"{type(error).__name__}: {self._redactor.text(reason_of(error))}"
        with tracing.bind(trace_id=row.trace_id, session_id=row.session_id):
            # Where it comes from is the same every time.
            where = error if row.attempts == 1 else None
            log.error("update.failed", inbox_id=row.id, attempt=row.attempts, error=reason, exc_info=where)
        if row.attempts <= len(self._pauses_s):
            await outlast(partial(self._note_attempt, row))
            return _Again(row, self._pauses_s[row.attempts - 1])
        FAILED.inc()
        await self._put_aside(row, reason, told=_apology(row))
        return None

    async def _note_attempt(self, row: _Row) -> None:
        async with self._database.connection() as connection:
            await connection.execute("UPDATE inbox SET attempts = %s WHERE id = %s", [row.attempts, row.id])

    async def _note_begun(self, row: _Row) -> None:
        async with self._database.connection() as connection:
            await connection.execute("UPDATE inbox SET begun = begun + 1 WHERE id = %s", [row.id])

    async def _put_aside(self, row: _Row, error: str, *, told: Outgoing | None) -> None:
        """Do no more about a row, and tell its sender so."""

        async def write() -> None:
            async with self._database.transaction() as tx:
                await _give_up(tx, row, error)
                if told is not None:
                    key = f"failed:{row.id}"
                    await outbox.put(
                        tx, key=key, place=row.place, content=told, solicited=True, session_id=row.session_id
                    )

        await outlast(write)
        self._done.append(row.id)
        self._wake_sender(row.place.chat_id)


async def _unhandled(
    connection: Connection, *, done: list[int], held: list[int], full: list[SessionId]
) -> list[_Row]:
    """Return what waits, in order of arrival, but for what is held and for sessions of which enough is.

    What is done, which is held as well, is noted to need nothing more, unless its handler has noted it
    already: by the same statement, which is asked for every message.

    Index: inbox_unhandled.
    """
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            """
            WITH marked AS (
                UPDATE inbox SET handled_at = now() WHERE id = ANY(%(done)s) AND handled_at IS NULL
            )
            SELECT inbox.id, external_id, session_id, external_key, user_id, users.name AS user_name,
                   role AS user_role, removed_at IS NOT NULL AS user_removed, payload, trace_id,
                   received_at, attempts, begun
              FROM inbox JOIN sessions ON sessions.id = session_id JOIN users ON users.id = user_id
             WHERE inbox.front = %(front)s AND handled_at IS NULL
               AND NOT inbox.id = ANY(%(held)s) AND NOT session_id = ANY(%(full)s::uuid[])
             ORDER BY inbox.id LIMIT %(limit)s
            """,
            {"done": done, "front": FRONT, "held": held, "full": full, "limit": _READ},
        )
        return await cursor.fetchall()


async def _give_up(tx: Connection, row: _Row, error: str) -> None:
    await tx.execute(
        """
        UPDATE inbox SET attempts = %s, error = %s, handled_at = coalesce(handled_at, now()) WHERE id = %s
        """,
        [row.attempts, storable(error), row.id],
    )


def _parsed(row: _Row, bot: Bot) -> Update:
    try:
        return Update.model_validate(row.payload, context={"bot": bot})
    except ValidationError as error:
        # Its text quotes what was said.
        raise Unreadable(
            f"An update cannot be read: {error.error_count()} of its fields are wrong."
        ) from None


def _apology(row: _Row) -> Outgoing:
    """Return what the sender of an update that failed is told, where they are looking."""
    text = texts.went_wrong(row.trace_id)
    if pressed := row.payload.get("callback_query"):
        return Toast(query_id=pressed["id"], text=text, alert=True)
    message = row.payload.get("message")
    # Its session may be a topic's by now, and Telegram knows no replies across topics.
    if message is None or place_in(message) != row.place:
        return Words(text=text)
    return Words(text=text, reply_to=message["message_id"])
