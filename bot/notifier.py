"""What becomes of the work, told: from the feed, by a durable cursor, into the outbox."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from bot import outbox, texts
from bot.audience import private_chats_of_deciders
from bot.outbox import Row
from bot.outgoing import Words
from bot.overview import refresh_overview
from bot.places import FRONT, READER, Place
from bot.presses import Press, presses
from bot.rendering import render, render_decided, render_progress, render_toast
from graph.conversation import Feed, FeedItem, Kind, Reply
from graph.conversation.progress import progress_of
from shared.database import Connection, Database
from shared.ids import RunId, SessionId
from shared.lease import assert_lease
from shared.ledger import approvals, sessions
from shared.live import Live
from shared.outages import outlast

_AT_ONCE = 8
"""Sessions that are told of at the same time."""

_LOOK_EVERY_S = 2.0

log = structlog.get_logger(__name__)


class Notifier:
    """Writes what is new in Telegram's sessions into the outbox, each thing once."""

    def __init__(
        self,
        database: Database,
        live: Live,
        feed: Feed,
        *,
        token: int,
        wake_sender: Callable[[int], None],
    ) -> None:
        """Put it together.

        Args:
            database: Where the sessions and the outbox are.
            live: Tells which sessions have something new.
            feed: What is new in them.
            token: The lease by which this process speaks; without it nothing is written.
            wake_sender: Told the chat for which there is something to send.
        """
        self._database = database
        self._live = live
        self._feed = feed
        self._token = token
        self._wake_sender = wake_sender
        self._turns: defaultdict[SessionId, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._ours: dict[SessionId, bool] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Tell of everything, for ever; what was missed while nobody told comes first."""
        with self._live.watching_all() as watch:
            woken: set[SessionId] = set()
            looked = -_LOOK_EVERY_S
            while True:
                if time.monotonic() - looked >= _LOOK_EVERY_S:
                    # Wake-ups may get lost; this finds what they would have told.
                    woken |= set(await outlast(lambda: self._feed.behind(READER, FRONT)))
                    looked = time.monotonic()
                await asyncio.gather(*(self._deliver_in_turn(session_id) for session_id in woken))
                woken = {SessionId(one) for one in await watch.wait()}

    async def deliver(self, session_id: SessionId) -> None:
        """Tell of what is new in one session; return once all of it is in the outbox."""
        if not await self._is_ours(session_id):
            return
        async with self._turns[session_id]:
            while items := await self._feed.unread(READER, session_id):
                async with self._database.transaction() as tx:
                    await assert_lease(tx, FRONT, self._token)
                    chats = await _Telling(tx, self._feed, items).tell()
                for chat_id in chats:
                    self._wake_sender(chat_id)

    async def _is_ours(self, session_id: SessionId) -> bool:
        if session_id not in self._ours:
            async with self._database.connection() as connection:
                session = await sessions.get(connection, session_id)
            self._ours[session_id] = session is not None and session.front == FRONT
        return self._ours[session_id]

    async def _deliver_in_turn(self, session_id: SessionId) -> None:
        async with self._at_once:
            await outlast(lambda: self.deliver(session_id))


class _Telling:
    """One pass over what is new in a session, in one transaction with the cursors' moves."""

    def __init__(self, tx: Connection, feed: Feed, items: Sequence[FeedItem]) -> None:
        self._tx = tx
        self._feed = feed
        self._items = items
        self._session_id = items[0].session_id
        self._chats: set[int] = set()
        self._in_progress: dict[RunId, None] = {}
        """Runs whose progress has changed, in the order in which it did."""

    async def tell(self) -> set[int]:
        """Write everything, and return the chats that have something to send."""
        session = await sessions.get(self._tx, self._session_id)
        assert session is not None  # noqa: S101 - it has items
        self._place = Place.parse(session.external_key)
        self._presses = await presses(self._tx, [one.inbox_id for one in self._items if one.inbox_id])
        for item in self._items:
            if item.reply is not None:
                await self._say(item, item.reply)
            if item.run_id is not None:
                self._in_progress.setdefault(item.run_id)
            await self._feed.acknowledge(item, self._tx)
        for run_id in self._in_progress:
            await self._show_progress(run_id)
        return self._chats

    async def _say(self, item: FeedItem, reply: Reply) -> None:
        press = self._presses.get(item.inbox_id) if item.inbox_id else None
        match reply.kind:
            case Kind.ANSWER if press is not None:
                await self._answer_press(item, reply, press)
            case Kind.ANSWER:
                await self._put(item.key, reply, solicited=True)
            case Kind.PROGRESS | Kind.REMARK:
                pass  # the run's one message shows it
            case Kind.QUESTION:
                await self._ask(item, reply)
            case Kind.NOTICE if reply.approval_id is not None and not reply.choices:
                await self._close(item, reply)
            case Kind.NOTICE:
                await self._put(item.key, reply)
            case Kind.RESULT:
                await self._end(item, reply)

    async def _answer_press(self, item: FeedItem, reply: Reply, press: Press) -> None:
        """Tell who pressed a button, and the chat only what more than a word there is to say.

        What went wrong is only for who pressed: it says nothing to the others of a group.
        A decision shows itself, in the message that had the buttons.
        """
        toast = render_toast(reply, press.query_id)
        if reply.error is None and not (press.decides and reply.awaited is None):
            await self._put(item.key, reply, solicited=True)
            toast = toast.model_copy(update={"text": ""})
        await outbox.put(
            self._tx,
            key=f"toast:{item.key}",
            place=self._place,
            content=toast,
            solicited=True,
            session_id=self._session_id,
        )
        self._chats.add(self._place.chat_id)

    async def _ask(self, item: FeedItem, reply: Reply) -> None:
        """Put a question where the work was asked for, and to those who may answer it if nobody there may."""
        await self._put(item.key, reply)
        for place in await private_chats_of_deciders(self._tx, item.run_id, reply.approval_id):
            if place != self._place:
                await self._put(f"{item.key}@{place.external_key}", reply, place=place)

    async def _close(self, item: FeedItem, reply: Reply) -> None:
        """Take the buttons away from a question that is asked no more, and say there what became of it."""
        assert reply.approval_id is not None  # noqa: S101 - the caller looked
        shown = await outbox.of_approval(self._tx, reply.approval_id)
        for row in shown:
            await self._take_buttons(row, item, reply)
        if not shown:
            await self._put(item.key, reply)

    async def _end(self, item: FeedItem, reply: Reply) -> None:
        """Tell how a run ended; what it still asked is asked no more."""
        assert item.run_id is not None  # noqa: S101 - only runs have results
        over = Reply.saying(texts.NOT_ASKED_ANY_MORE)
        for approval in await approvals.of_run(self._tx, item.run_id):
            for row in await outbox.of_approval(self._tx, approval.id):
                await self._take_buttons(row, item, over)
        await self._put(item.key, reply)
        if self._place.chat_id < 0:
            self._chats |= await refresh_overview(self._tx, self._place.chat_id)

    async def _take_buttons(self, row: Row, item: FeedItem, closing: Reply) -> None:
        if not isinstance(row.content, Words) or not row.content.buttons:
            return
        await outbox.stand(
            self._tx,
            **_as_it_is(row),
            content=render_decided(row.content, closing, at=item.at),
        )
        self._chats.add(row.chat_id)

    async def _show_progress(self, run_id: RunId) -> None:
        progress, key = await progress_of(self._tx, run_id), f"progress:{run_id}"
        if progress.status.ended and await outbox.of_key(self._tx, key) is None:
            # It was over before anybody could watch it: its result says all.
            return
        changed = await outbox.stand(
            self._tx,
            key=key,
            place=self._place,
            content=render_progress(progress),
            solicited=False,
            session_id=self._session_id,
            run_number=progress.run_number,
        )
        if changed:
            self._chats.add(self._place.chat_id)

    async def _put(
        self, key: str, reply: Reply, *, solicited: bool = False, place: Place | None = None
    ) -> None:
        """Write a reply's messages; only the one with the buttons is the question's."""
        place = place or self._place
        for number, content in enumerate(render(reply)):
            asks = not isinstance(content, Words) or bool(content.buttons)
            await outbox.put(
                self._tx,
                key=key if number == 0 else f"{key}#{number}",
                place=place,
                content=content,
                solicited=solicited,
                session_id=self._session_id,
                run_number=reply.run_number,
                approval_id=reply.approval_id if asks else None,
            )
        self._chats.add(place.chat_id)


def _as_it_is(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "place": Place(row.chat_id, row.thread_id),
        "solicited": row.solicited,
        "session_id": row.session_id,
        "run_number": row.run_number,
        "approval_id": row.approval_id,
    }
