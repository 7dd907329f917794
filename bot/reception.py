"""The way in: updates of people who are let in are stored before Telegram is told that they arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from aiogram.enums import ChatType
from aiogram.types import Chat, ChatMemberUpdated, InaccessibleMessage, Update
from prometheus_client import Counter
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from bot import chats, known_topics, outbox, texts
from bot.access import Access, Person
from bot.chats import ChatState
from bot.membership import follow, state_after
from bot.outgoing import Words
from bot.places import FRONT, Place, place_of
from bot.rendering.text import cut, isolated, one_line
from shared.database import Connection, Database
from shared.ids import SessionId
from shared.ledger import groups, sessions, users
from shared.storable import storable_json
from shared.tracing import new_trace_id

STORED = Counter("telewright_bot_updates_total", "Updates that were stored in the inbox")
UNSTORABLE = Counter("telewright_bot_unstorable_updates_total", "Updates that the database refused")

_TITLE = 64
"""UTF-16 code units of a group's title."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """An update of somebody who is let in."""

    update: Update
    person: Person
    place: Place


class Reception:
    """Takes in what Telegram delivers, each update once."""

    def __init__(self, database: Database, access: Access, *, wake: Callable[[], None]) -> None:
        """Put it together.

        Args:
            database: Where the inbox is.
            access: Who is let in.
            wake: Called once after something new was stored, however much; it wakes `Handling`, wherever that is.
        """
        self._database = database
        self._access = access
        self._wake = wake

    async def take(self, updates: Sequence[Update]) -> None:
        """Store updates; when this returns, Telegram may forget them.

        The same update again changes nothing.

        Raises:
            psycopg.OperationalError: The database is away; Telegram must keep the updates.
        """
        await self._follow_moves(updates)
        await self._access.catch_up(updates)
        await self._follow_memberships(updates)
        arrivals = list(self._let_in(updates))
        if not arrivals:
            return
        try:
            new = await self._store(arrivals)
        except (psycopg.DataError, psycopg.IntegrityError):
            new = await self._store_one_by_one(arrivals)
        if new:
            STORED.inc(new)
            self._wake()

    async def _follow_moves(self, updates: Iterable[Update]) -> None:
        """Follow groups that became supergroups, whoever made them so: Telegram says it, not a person.

        It is done here and at once, since nobody is heard from the new group before.
        """
        for old, new in filter(None, map(_move, updates)):
            if self._access.lets_in_group(old):
                async with self._database.transaction() as tx:
                    await chats.moved(tx, old, new)
                    await groups.moved(tx, old, new)
                await self._access.refresh()

    async def _follow_memberships(self, updates: Iterable[Update]) -> None:
        """Follow what others do to the bot in groups: whoever lets it write again need not be let in.

        An owner who puts the bot into a group that is not let in learns how to let it in.
        """
        for update in updates:
            change = update.my_chat_member
            if change is None or change.chat.type == ChatType.PRIVATE:
                continue
            if not self._access.lets_in_group(change.chat.id):
                if self._access.is_owner(change.from_user.id):
                    await self._tell_owner(update.update_id, change)
            elif self._access.user_of(update) is None:
                async with self._database.transaction() as tx:
                    await follow(tx, change)

    async def _tell_owner(self, number: int, change: ChatMemberUpdated) -> None:
        if state_after(change) is ChatState.GONE:
            return
        title = isolated(cut(one_line(change.chat.title or ""), _TITLE))
        async with self._database.transaction() as tx:
            await outbox.put(
                tx,
                # Each time that the bot is put into a group, whichever bot it is: each numbers its updates itself.
                key=f"group:{change.new_chat_member.user.id}:{number}",
                place=Place(change.from_user.id),
                content=Words(text=texts.group_not_let_in(title, change.chat.id)),
                solicited=True,
            )

    def _let_in(self, updates: Iterable[Update]) -> Iterable[_Arrival]:
        for update in updates:
            person, place = self._access.user_of(update), place_of(update)
            if person is not None and place is not None and _move(update) is None:
                yield _Arrival(update, person, place)

    async def _store_one_by_one(self, arrivals: Iterable[_Arrival]) -> int:
        """Store what can be stored, and leave out what the database refuses: it would be refused for ever."""
        new = 0
        for arrival in arrivals:
            try:
                new += await self._store([arrival])
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                UNSTORABLE.inc()
                log.error("update.refused", update_id=arrival.update.update_id, error=error.sqlstate)  # noqa: TRY400
        return new

    async def _store(self, arrivals: Sequence[_Arrival]) -> int:
        """Store them in one transaction; return how many are new."""
        async with self._database.pipelined_transaction() as tx:
            open_sessions = await _sessions(tx, arrivals)
            received = await _receive(tx, arrivals, open_sessions)
            await chats.met(tx, _met(arrivals).values())
            for place in {one.place for one in arrivals if one.update.message and one.place.thread_id}:
                await known_topics.met(tx, place)
        return len(await received.fetchall())


async def _sessions(tx: Connection, arrivals: Sequence[_Arrival]) -> dict[str, SessionId]:
    """Return the sessions of the places, having opened those that are not, and met their people.

    People are called as Telegram calls them now, unless an owner gave them a name.
    """
    cursor = await tx.execute(
        """
        SELECT (SELECT array_agg(id) FROM users JOIN unnest(%(people)s::text[], %(names)s::text[]) AS met (id, called)
                 USING (id) WHERE name_given OR name = called),
               (SELECT jsonb_object_agg(external_key, id) FROM sessions
                 WHERE front = %(front)s AND external_key = ANY(%(places)s))
        """,
        {
            "front": FRONT,
            "people": [arrival.person.user_id for arrival in arrivals],
            "names": [arrival.person.name for arrival in arrivals],
            "places": [arrival.place.external_key for arrival in arrivals],
        },
    )
    row = await cursor.fetchone()
    people, found = row or (None, None)
    known, opened = set(people or ()), dict(found or {})
    for arrival in arrivals:
        person, key = arrival.person, arrival.place.external_key
        if person.user_id not in known:
            await users.ensure(tx, person.user_id, name=person.name, role=person.role)
            known.add(person.user_id)
        if key not in opened:
            session = await sessions.ensure(tx, front=FRONT, external_key=key, owner_id=person.user_id)
            opened[key] = session.id
    return opened


async def _receive(
    tx: Connection, arrivals: Sequence[_Arrival], open_sessions: dict[str, SessionId]
) -> AsyncCursor[TupleRow]:
    """Write the rows of the inbox; those that are new come back."""
    return await tx.execute(
        """
        INSERT INTO inbox (front, external_id, session_id, user_id, payload, trace_id)
        SELECT %(front)s, * FROM unnest(%(numbers)s::text[], %(sessions)s::uuid[], %(people)s::text[],
                                        %(payloads)s::jsonb[], %(traces)s::text[])
        ON CONFLICT (front, external_id) DO NOTHING
        RETURNING id
        """,
        {
            "front": FRONT,
            "numbers": [str(arrival.update.update_id) for arrival in arrivals],
            "sessions": [open_sessions[arrival.place.external_key] for arrival in arrivals],
            "people": [arrival.person.user_id for arrival in arrivals],
            "payloads": [storable_json(payload_of(arrival.update)) for arrival in arrivals],
            "traces": [new_trace_id() for _ in arrivals],
        },
    )


def payload_of(update: Update) -> dict[str, Any]:
    """Return an update as Telegram writes it, which is how it can be parsed again."""
    return update.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _met(arrivals: Iterable[_Arrival]) -> dict[int, tuple[Chat, int | None]]:
    """Return the chats that the updates come from, each with its newest message."""
    met: dict[int, tuple[Chat, int | None]] = {}
    for arrival in arrivals:
        chat, message_id = _chat(arrival.update)
        if chat is not None:
            before = met.get(chat.id, (chat, None))[1]
            met[chat.id] = (chat, max((one for one in (before, message_id) if one), default=None))
    return met


def _chat(update: Update) -> tuple[Chat | None, int | None]:
    """Return an update's chat as Telegram describes it there, and the number of a new message."""
    if update.message:
        return update.message.chat, update.message.message_id
    if update.edited_message:
        return update.edited_message.chat, None
    if update.callback_query and (pressed := update.callback_query.message):
        # What is left of a message that cannot be shown does not tell a forum from another group.
        return (None if isinstance(pressed, InaccessibleMessage) else pressed.chat), None
    if update.my_chat_member:
        return update.my_chat_member.chat, None
    return None, None


def _move(update: Update) -> tuple[int, int] | None:
    """Return the old and the new id of a group that has become a supergroup."""
    if (message := update.message) is None:
        return None
    if message.migrate_to_chat_id is not None:
        return message.chat.id, message.migrate_to_chat_id
    if message.migrate_from_chat_id is not None:
        return message.migrate_from_chat_id, message.chat.id
    return None
