"""The door: who is let in, decided before anything of an update is stored.

Strangers get silence, are counted, and leave a line in the log now and then.
However many come, they take no row and no more memory than a table of fixed size.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from aiogram.enums import ChatType
from aiogram.types import CallbackQuery, Chat, ChatMemberUpdated, Message, Update
from aiogram.types import User as Sender
from prometheus_client import Counter

from bot.buckets import Bucket
from bot.places import FRONT
from shared.database import Connection, Database
from shared.ids import UserId
from shared.ledger import groups
from shared.ledger.users import Role
from shared.outages import OUTAGE

HEARD: Final = ("message", "edited_message", "callback_query", "my_chat_member", "stopped_message_generation")
"""The kinds of updates that the bot asks Telegram for, and the only ones that anybody is let in with."""

STRANGERS = Counter("telewright_bot_strangers_total", "Updates of people and chats that are not let in")
UNHEARD = Counter("telewright_bot_unheard_updates_total", "Updates of kinds that the bot does not listen to")

_CATCH_UP_S = 0.25
"""Whoever is refused may have been let in a moment ago; that is looked up so often at most."""
_FRESH_S = 2.0
"""After so long, who is let in is read again."""
_REMEMBERED = 1000
"""Strangers whose last line in the log is remembered."""
_SILENCE_S = 3600.0
"""For so long a stranger who comes again leaves no further line."""
_LINES = 10
"""Lines about strangers at once; one comes back every minute."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is let in, as Telegram shows them."""

    id: int
    name: str
    role: Role
    """The role of somebody who is met for the first time."""

    @property
    def user_id(self) -> UserId:
        """What the users table knows them by."""
        return user_id(self.id)


def user_id(telegram_id: int) -> UserId:
    """Return what the users table knows a Telegram user by."""
    return UserId(f"{FRONT}:{telegram_id}")


class Access:
    """Knows who is let in."""

    def __init__(
        self,
        database: Database,
        allowed_ids: Sequence[int],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it; `refresh` reads the rest from the database.

        Args:
            database: Where people and groups are that were let in later.
            allowed_ids: ALLOWED_USER_IDS: the owner first, then people, and groups, which are negative.
            now: Seconds of a clock that never goes back.
        """
        self._database = database
        self.owner_id = allowed_ids[0]
        self._set_people = frozenset(one for one in allowed_ids if one > 0)
        self._set_groups = frozenset(one for one in allowed_ids if one < 0)
        self._people: Collection[int] = self._set_people
        self._groups: Collection[int] = self._set_groups
        self._strangers = _Strangers(now)
        self._now = now
        self._read_at = float("-inf")

    def user_of(self, update: Update) -> Person | None:
        """Return who sent an update, if they are let in, and from a chat that is."""
        heard = _heard(update)
        if heard is None:
            UNHEARD.inc()
            return None
        chat, sender = heard
        if sender is None or sender.is_bot or not self._lets_in(chat, sender):
            self._strangers.came(chat.id if chat else None, sender.id if sender else None)
            return None
        role = Role.OWNER if sender.id == self.owner_id else Role.OPERATOR
        return Person(sender.id, sender.full_name, role)

    def is_owner(self, telegram_id: int) -> bool:
        """Whether somebody is the owner whom the settings name first."""
        return telegram_id == self.owner_id

    def lets_in_group(self, chat_id: int) -> bool:
        """Whether a group may talk to the bot."""
        return chat_id in self._groups

    async def refresh(self) -> None:
        """Read anew who is let in."""
        async with self._database.connection() as connection:
            people = await _people(connection)
            let_in = await _groups(connection, self._set_groups)
        removed = {one for one, gone in people.items() if gone} - {self.owner_id}
        self._people = (self._set_people | people.keys()) - removed
        self._groups = let_in
        self._read_at = self._now()

    async def catch_up(self, updates: Iterable[Update]) -> None:
        """Read it anew if somebody comes who was not let in when it was read last, and may be by now.

        Strangers cannot make it more than a few times a second.

        Raises:
            psycopg.OperationalError: The database is away.
        """
        if self._now() - self._read_at >= _CATCH_UP_S and any(map(self._is_refused, updates)):
            await self.refresh()

    def doubt(self) -> None:
        """Let whoever is refused next be looked up, however short it is since: an owner has said something."""
        self._read_at = float("-inf")

    def _is_refused(self, update: Update) -> bool:
        heard = _heard(update)
        if heard is None or heard[1] is None:
            return False
        return not self._lets_in(heard[0], heard[1])

    async def keep_fresh(self) -> None:
        """Read it anew every two seconds, for ever; without a database, what was read last holds."""
        while True:
            await asyncio.sleep(_FRESH_S)
            try:
                await self.refresh()
            except OUTAGE as error:
                log.warning("access.stale", error=str(error))

    def _lets_in(self, chat: Chat | None, sender: Sender) -> bool:
        if chat is None or sender.id not in self._people:
            return False
        if chat.type == ChatType.PRIVATE:
            return chat.id == sender.id
        return chat.type in _GROUPS and chat.id in self._groups


async def _people(connection: Connection) -> dict[int, bool]:
    """Return everybody of this front who was ever let in, and whether they were let go."""
    cursor = await connection.execute(
        "SELECT id, removed_at IS NOT NULL FROM users WHERE id LIKE %s", [f"{FRONT}:%"]
    )
    return {int(id_.removeprefix(f"{FRONT}:")): gone for id_, gone in await cursor.fetchall()}


async def _groups(connection: Connection, from_settings: Collection[int]) -> Collection[int]:
    """Return the groups that are let in."""
    cursor = await connection.execute(groups.LET_IN, {"groups_in_settings": list(from_settings)})
    return frozenset(id_ for (id_,) in await cursor.fetchall())


_GROUPS = frozenset({ChatType.GROUP, ChatType.SUPERGROUP})


def _heard(update: Update) -> tuple[Chat | None, Sender | None] | None:
    """Return the chat and the sender of an update, or None for a kind that nobody is heard with.

    Whoever speaks as a chat (an anonymous administrator, a channel) is nobody in particular.
    """
    if message := update.message or update.edited_message:
        return _of_message(message)
    match update.callback_query or update.my_chat_member:
        case CallbackQuery(message=pressed, from_user=sender):
            return (pressed.chat if pressed else None), sender
        case ChatMemberUpdated(chat=chat, from_user=sender):
            return chat, sender
        case None:
            pass
    if stopped := update.stopped_message_generation:
        # It names no sender. In a private chat there is only one who can have been it.
        return stopped.chat, _only_person(stopped.chat)
    return None


def _of_message(message: Message) -> tuple[Chat, Sender | None]:
    for_somebody_else = message.business_connection_id or message.guest_query_id
    if message.sender_chat is not None or for_somebody_else:
        return message.chat, None
    return message.chat, message.from_user


def _only_person(chat: Chat) -> Sender | None:
    if chat.type != ChatType.PRIVATE:
        return None
    return Sender(id=chat.id, is_bot=False, first_name=chat.first_name or "", last_name=chat.last_name)


class _Strangers:
    """Counts strangers, and says little of them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lines = Bucket(_LINES, 1 / 60, now=now)
        self._logged: OrderedDict[tuple[int | None, int | None], float] = OrderedDict()
        self._came = 0

    def came(self, chat_id: int | None, sender_id: int | None) -> None:
        STRANGERS.inc()
        self._came += 1
        who, now = (chat_id, sender_id), self._now()
        if now - self._logged.get(who, float("-inf")) < _SILENCE_S or not self._lines.take():
            return
        self._logged[who] = now
        self._logged.move_to_end(who)
        if len(self._logged) > _REMEMBERED:
            self._logged.popitem(last=False)
        log.warning("access.refused", chat_id=chat_id, sender_id=sender_id, updates_so_far=self._came)
