"""Finds out whether a message was sent whose sending was cut short.

Telegram has no idempotency key and gives no way to read a chat. But it says different things when
a bot edits the buttons of a message to what they should be: that it is done or that nothing
changes, where the message is the bot's own; that it cannot be edited, where it is somebody else's;
that it is not found, where there is none. All messages of the bot are recorded but the one that is
looked for, since one call is under way in a chat: so the only one that can answer yes is that.

What it cannot find: a message further away than it looks, and one that asks for a reply, which
Telegram lets nobody edit (https://core.telegram.org/bots/api#updating-messages).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from aiogram.methods import TelegramMethod
from psycopg.rows import tuple_row

from bot.chats import FIRST_SUPERGROUP, counts_alone, is_group
from bot.courier import Courier, Later, Moved, Refused, Stands, Unknown
from bot.delivery import asking
from bot.outbox import Row
from bot.outgoing import Toast, Words
from bot.pace import Pace
from bot.places import FRONT
from bot.refusals import Refusal
from shared.database import Database
from shared.outages import outlast

_CANDIDATES: Final = 12
"""Ids that are asked for. In a supergroup nearly always the first is the one; private chats share a counter."""

_NOTHING_FOLLOWS: Final = 3
"""In a chat that numbers its messages by itself, so many missing ids in a row are the end of it."""

_RECENT: Final = 2000
"""Messages that are looked at to learn which ids are taken."""

_BETWEEN_S: Final = 0.04
"""Edits count towards Telegram's 30 a second, of which some are left for what people wait for."""

_BETWEEN_IN_GROUP_S: Final = 1.0
"""Groups are told no more than this often; a flood of questions would hold up what is said there."""


@dataclass(frozen=True, slots=True)
class Found:
    """It stands in the chat."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Missing:
    """It was not sent, as far as one can know."""


class Probe:
    """Asks for messages."""

    def __init__(self, database: Database, courier: Courier, pace: Pace) -> None:
        """Make it.

        Args:
            database: Knows which ids are taken.
            courier: Asks Telegram.
            pace: Counts its questions among the bot's other calls.
        """
        self._database = database
        self._courier = courier
        self._pace = pace
        self._in_turn = asyncio.Lock()
        self._asked_at = -_BETWEEN_S

    async def find(self, row: Row) -> Found | Missing | Moved | Later | Unknown:
        """Look for the message of a row whose call was cut short."""
        if _cannot_be_found(row):
            return Missing()
        taken = await outlast(lambda: _taken_ids(self._database, row))
        missing = 0
        for message_id in taken.candidates():
            match await self._ask(row, message_id):
                case Stands() | Refused(refusal=Refusal.NOT_MODIFIED):
                    return Found(message_id)
                case Refused(reason=reason):
                    missing = missing + 1 if "not found" in reason.lower() else 0
                    if counts_alone(row.chat_id) and missing >= _NOTHING_FOLLOWS:
                        return Missing()
                case outcome:
                    return outcome
            await _keep_distance(row.chat_id)
        return Missing()

    async def _ask(self, row: Row, message_id: int) -> Stands | Refused | Moved | Later | Unknown:
        answer = await self._call(row.chat_id, asking(row, message_id))
        if isinstance(answer, Refused) and answer.refusal is Refusal.LINK:
            # It was sent without them, then.
            await _keep_distance(row.chat_id)
            return await self._call(row.chat_id, asking(row, message_id, links=False))
        return answer

    async def _call(
        self, chat_id: int, method: TelegramMethod[Any]
    ) -> Stands | Refused | Moved | Later | Unknown:
        async with self._in_turn:
            await asyncio.sleep(self._asked_at + _BETWEEN_S - time.monotonic())
            while (full_s := self._pace.full_for()) > 0:  # noqa: ASYNC110 - time makes room, and tells nobody
                await asyncio.sleep(min(full_s, _BETWEEN_S))
            self._asked_at = time.monotonic()
            self._pace.begin(chat_id)
        try:
            return await self._courier.call(method)
        finally:
            self._pace.end(chat_id)


@dataclass(frozen=True, slots=True)
class _Taken:
    """The ids of a counter's messages that are known."""

    floor: int
    """The greatest that was given before the call began."""
    known: frozenset[int]

    def candidates(self) -> list[int]:
        """Return the ids that the message may have."""
        unknown = (one for one in count(self.floor + 1) if one not in self.known)
        return [message_id for message_id, _ in zip(unknown, range(_CANDIDATES), strict=False)]


async def _keep_distance(chat_id: int) -> None:
    """Wait between two calls for one chat."""
    if is_group(chat_id):
        await asyncio.sleep(_BETWEEN_IN_GROUP_S)


def _cannot_be_found(row: Row) -> bool:
    content = row.content
    return isinstance(content, Toast) or (
        isinstance(content, Words) and content.prompt is not None and not content.buttons
    )


async def _taken_ids(database: Database, row: Row) -> _Taken:
    """Read which messages were sent and received lately, and which of them before the row's call."""
    async with database.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            """
            WITH said AS (
                -- The last rows, by the primary key.
                SELECT chat_id, message_id, sent_at AS at
                  FROM (SELECT * FROM outbox ORDER BY id DESC LIMIT %(recent)s) AS outbox
                 WHERE message_id IS NOT NULL AND sent_at IS NOT NULL
            ), heard AS (
                -- Written when they came, which is after Telegram gave them their ids.
                SELECT (payload #>> '{message,chat,id}')::bigint AS chat_id,
                       (payload #>> '{message,message_id}')::bigint AS message_id, received_at AS at
                  FROM (SELECT * FROM inbox ORDER BY id DESC LIMIT %(recent)s) AS inbox
                 WHERE front = %(front)s AND payload ? 'message'
            ), own AS (
                -- Index: outbox_message. One call at a time: what the chat has is older than this one.
                SELECT max(message_id) AS message_id FROM outbox WHERE chat_id = %(chat_id)s
            )
            SELECT message_id, at < %(since)s
              FROM (TABLE said UNION ALL TABLE heard) AS messages
             WHERE chat_id = %(chat_id)s OR (%(shared)s AND chat_id > %(first_supergroup)s)
            UNION ALL
            SELECT message_id, true FROM own WHERE message_id IS NOT NULL
            """,
            {
                "recent": _RECENT,
                "front": FRONT,
                "chat_id": row.chat_id,
                "since": row.due_at,
                "shared": not counts_alone(row.chat_id),
                "first_supergroup": FIRST_SUPERGROUP,
            },
        )
        ids = await cursor.fetchall()
    return _Taken(
        floor=max((message_id for message_id, before in ids if before), default=0),
        known=frozenset(message_id for message_id, _ in ids),
    )
