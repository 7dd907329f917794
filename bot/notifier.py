"""What becomes of the work, told: from the feed, by a durable cursor, into the outbox."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import structlog
from aiogram import Bot

from bot.follows import Begun
from bot.overview import pin_overview, pinned_by
from bot.places import FRONT, READER
from bot.telling import How, Telling
from graph.conversation import Feed, FeedItem
from shared.database import Connection, Database
from shared.ids import RunId, SessionId
from shared.lease import LeaseLost
from shared.ledger import sessions
from shared.live import Live
from shared.outages import OUTAGE, outlast

_AT_ONCE = 8
"""Sessions that are told of at the same time."""

_READ = 200
"""Things that are told in one transaction."""

_GATHERED_S = 0.02
"""After so long the sessions are looked at in which something has happened."""

_LOOK_EVERY_S = 2.0
"""So often the sessions are looked for that nobody has woken us for."""

_TICK_S = 5.0
"""How often the time of a step under way is told anew."""

log = structlog.get_logger(__name__)


class Notifier:
    """Writes what is new in Telegram's sessions into the outbox, each thing once."""

    def __init__(
        self,
        database: Database,
        live: Live,
        feed: Feed,
        *,
        bot: Bot,
        token: int,
        wake_sender: Callable[[int], None],
        follow: Callable[[Begun], None],
        groups_in_settings: Sequence[int] | None = None,
    ) -> None:
        """Put it together.

        Args:
            database: Where the sessions and the outbox are.
            bot: Pins overviews, which is nothing that is said.
            live: Tells which sessions have something new.
            feed: What is new in them.
            token: The lease by which this process speaks; without it nothing is written.
            wake_sender: Told the chat for which there is something to send.
            follow: Told what an answer has begun to follow, once the answer is to be sent.
            groups_in_settings: The groups that the settings let in; left out, nobody asks which are.
        """
        self._groups_in_settings = groups_in_settings
        self._follow = follow
        self._database = database
        self._live = live
        self._feed = feed
        self._bot = bot
        self._token = token
        self._wake_sender = wake_sender
        self._turns: defaultdict[SessionId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._asked: Counter[SessionId] = Counter()
        """How often somebody has wanted a session's news."""
        self._told: Counter[SessionId] = Counter()
        """How many of these had come before a look whose findings are told."""
        self._ours: dict[SessionId, bool] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._together: asyncio.TaskGroup
        self._being_told: set[SessionId] = set()
        """Sessions with a task."""

    async def run(self) -> None:
        """Tell of everything, for ever; what was missed while nobody told comes first."""
        async with asyncio.TaskGroup() as self._together:
            self._together.create_task(self._listen(), name="notifier.feed")
            self._together.create_task(self._look_around(), name="notifier.behind")
            self._together.create_task(self._tick(), name="notifier.clock")

    async def _listen(self) -> None:
        """Tell of the sessions that wake us, for ever."""
        with self._live.watching_all() as watch:
            while True:
                woken = {SessionId(one) for one in await watch.wait()}
                self._asked.update(woken)
                # Mostly whoever woke us delivers as well, and has told of it by then.
                await asyncio.sleep(_GATHERED_S)
                self._begin_to_tell(woken)

    async def _look_around(self) -> None:
        """Tell, for ever, of the sessions in which something is new: wake-ups may get lost."""
        while True:
            behind = await outlast(lambda: self._feed.behind(READER, FRONT))
            self._asked.update(behind)
            self._begin_to_tell(behind)
            await asyncio.sleep(_LOOK_EVERY_S)

    def _begin_to_tell(self, session_ids: Iterable[SessionId]) -> None:
        """Give each session a task of its own: one that is slow, or fails, delays no other."""
        for session_id in session_ids:
            if session_id not in self._being_told:
                self._being_told.add(session_id)
                self._together.create_task(self._tell_of(session_id), name="notifier.session")

    async def _tell_of(self, session_id: SessionId) -> None:
        """Tell of one session until nobody has asked for it since."""
        asked = -1
        while self._asked[session_id] != asked:
            asked = self._asked[session_id]
            await outlast(lambda: self._catch_up_in_turn(session_id))
        self._being_told.remove(session_id)

    async def _catch_up_in_turn(self, session_id: SessionId) -> None:
        # Here and not around `outlast`: whoever waits for the database to come back holds up nobody.
        async with self._at_once:
            await self._catch_up(session_id)

    async def deliver(self, session_id: SessionId) -> None:
        """Tell of what is new in one session; return once all of it is in the outbox."""
        self._asked[session_id] += 1
        await self._catch_up(session_id)

    async def _catch_up(self, session_id: SessionId) -> None:
        try:
            await self._tell_all_of(session_id)
        except (*OUTAGE, LeaseLost):
            raise
        except Exception:
            # One session that nobody can read must not silence the bot: it is looked at again when it is asked for.
            log.exception("session.untold", session_id=session_id)

    async def _tell_all_of(self, session_id: SessionId) -> None:
        """Look as often as it takes for every asking so far to have come before a look."""
        if not await self._is_ours(session_id):
            return
        asked = self._asked[session_id]
        async with self._turns[session_id]:
            # A wake-up mostly comes while the message that caused it is told: one look more is for both.
            while self._told[session_id] < asked:
                asked_before = self._asked[session_id]
                items = await self._feed.unread(READER, session_id, limit=_READ)
                if items:
                    await self._tell_somehow(items)
                if len(items) < _READ:
                    # That was all there was when it was asked for.
                    self._told[session_id] = asked_before

    async def _tell_somehow(self, items: Sequence[FeedItem]) -> None:
        try:
            await self._tell(items)
        except (*OUTAGE, LeaseLost):
            raise
        except Exception:
            # One thing that cannot be told must not silence the bot: it is looked for, and left out.
            log.exception("items.untold", session_id=items[0].session_id)
            await self._tell_one_by_one(items)

    async def _tell(self, items: Sequence[FeedItem], *, how: How = How.IN_FULL) -> None:
        username = (await self._bot.me()).username or ""
        async with self._database.pipelined_transaction() as tx:
            telling = Telling(
                tx,
                self._feed,
                items,
                how,
                token=self._token,
                username=username,
                groups_in_settings=self._groups_in_settings,
            )
            chats = await telling.tell()
        for chat_id in chats:
            self._wake_sender(chat_id)
        for begun in telling.begun:
            self._follow(begun)

    async def _tell_one_by_one(self, items: Sequence[FeedItem]) -> None:
        for item in items:
            try:
                await self._tell([item])
            except (*OUTAGE, LeaseLost):
                raise
            except Exception:
                log.exception("item.untellable", key=item.key)
                await self._tell([item], how=How.THAT_IT_CANNOT)

    async def _tick(self) -> None:
        """Let the time of what is being done move, and pin what is to be pinned, for ever."""
        while True:
            await asyncio.sleep(_TICK_S)
            await outlast(self._move_on)

    async def _move_on(self) -> None:
        async with self._database.connection() as connection:
            at_work = await _at_work(connection)
            overviews = await _overviews(connection, self._bot.id)
        for run_id, session_id in at_work:
            if self._turns[session_id].locked():
                # It is being told of, which may take long. The others' time moves on meanwhile.
                continue
            try:
                await self._show(run_id, session_id)
            except LeaseLost:
                raise
            except OUTAGE as error:
                log.warning("run.missed", run_id=run_id, error=str(error).partition("\n")[0])
            except Exception:
                # One run that cannot be shown must not silence the bot.
                log.exception("run.unshown", run_id=run_id)
        for chat_id in overviews:
            try:
                await pin_overview(self._database, self._bot, chat_id)
            except OUTAGE:
                raise
            except Exception:
                log.exception("overview.unpinned", chat_id=chat_id)

    async def _show(self, run_id: RunId, session_id: SessionId) -> None:
        async with self._turns[session_id], self._database.transaction() as tx:
            chats = await Telling(tx, self._feed, token=self._token, session_id=session_id).show(run_id)
        for chat_id in chats:
            self._wake_sender(chat_id)

    async def _is_ours(self, session_id: SessionId) -> bool:
        if session_id not in self._ours:
            async with self._database.connection() as connection:
                session = await sessions.get(connection, session_id)
            self._ours[session_id] = session is not None and session.front == FRONT
        return self._ours[session_id]


async def _at_work(tx: Connection) -> list[tuple[RunId, SessionId]]:
    """Return this front's runs that a worker has, with their sessions. Index: runs_open."""
    cursor = await tx.execute(
        """
        SELECT runs.id, session_id FROM runs JOIN sessions ON sessions.id = session_id
         WHERE runs.status = 'running' AND ended_at IS NULL AND front = %s
        """,
        [FRONT],
    )
    return [(RunId(row[0]), SessionId(row[1])) for row in await cursor.fetchall()]


async def _overviews(tx: Connection, bot_id: int) -> list[int]:
    """Return the forums whose overview stands, and was never pinned by this bot."""
    cursor = await tx.execute(
        """
        SELECT chat_id FROM telegram_chats
          JOIN outbox USING (chat_id)
         WHERE kind = 'forum' AND outbox.key = 'overview:' || chat_id AND message_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM cursors WHERE reader = %s AND stream = %s || chat_id)
        """,
        [READER, pinned_by(bot_id)],
    )
    return [int(row[0]) for row in await cursor.fetchall()]
