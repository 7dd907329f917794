"""One pass over what is new in a session: what is said of it, in one transaction with the cursors' moves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum, auto
from typing import Any

from bot import outbox, replies, texts
from bot.audience import private_chats_of_deciders, private_chats_of_run
from bot.follows import Begun, growing_key
from bot.origins import Origin, origins
from bot.outbox import Row
from bot.outgoing import Words
from bot.overview import refresh_overview
from bot.places import FRONT, Place
from bot.rendering import Addressee, render, render_decided, render_progress, render_toast
from graph.conversation import Feed, FeedItem, Kind, Reply
from graph.conversation.progress import progress_of
from shared.database import Connection
from shared.ids import RunId, SessionId
from shared.lease import LeaseLost
from shared.ledger import approvals
from shared.ledger.listeners import is_heard


class How(Enum):
    """How something is told."""

    IN_FULL = auto()
    THAT_IT_CANNOT = auto()


class Telling:
    """One pass over what is new in a session, in one transaction with the cursors' moves."""

    def __init__(
        self,
        tx: Connection,
        feed: Feed,
        items: Sequence[FeedItem] = (),
        how: How = How.IN_FULL,
        *,
        token: int,
        session_id: SessionId | None = None,
        username: str = "",
        groups_in_settings: Collection[int] | None = None,
    ) -> None:
        self._groups_in_settings = groups_in_settings
        self._username = username
        """The bot's, to which links lead."""
        self._tx = tx
        self._token = token
        self._feed = feed
        self._items = items
        self._how = how
        self._session_id = session_id or items[0].session_id
        self._chats: set[int] = set()
        self._in_progress: dict[RunId, None] = {}
        """Runs whose progress has changed, in the order in which it did."""
        self.begun: list[Begun] = []
        """What is followed from here on."""

    async def tell(self) -> set[int]:
        """Write everything, and return the chats that have something to send."""
        await self._find_place()
        await self._feed.acknowledge(*self._items, tx=self._tx)
        self._origins = await origins(self._tx, [one.inbox_id for one in self._items if one.inbox_id])
        for item in self._items:
            if item.reply is not None:
                await self._say(item, item.reply)
            if item.run_id is not None and self._how is How.IN_FULL:
                self._in_progress.setdefault(item.run_id)
        for run_id in self._in_progress:
            await self._show_progress(run_id)
        if self._in_progress and self._place.in_group:
            self._chats |= await refresh_overview(self._tx, self._place.chat_id, self._username)
        return self._chats

    async def show(self, run_id: RunId) -> set[int]:
        """Show where one run is now, and return the chats that have something to send."""
        await self._find_place()
        await self._show_progress(run_id)
        return self._chats

    async def _find_place(self) -> None:
        """Find out where the session is, and hold the lease to the transaction's end: see `assert_lease`.

        One statement for both, since every answer asks for them.
        """
        cursor = await self._tx.execute(
            """
            SELECT external_key FROM sessions, leases
             WHERE sessions.id = %s AND leases.name = %s AND token = %s FOR KEY SHARE OF leases
            """,
            [self._session_id, FRONT, self._token],
        )
        row = await cursor.fetchone()
        if row is None:
            raise LeaseLost
        self._place = Place.parse(row[0])

    async def _say(self, item: FeedItem, reply: Reply) -> None:
        if self._how is How.THAT_IT_CANNOT:
            reply = Reply.saying(texts.UNTELLABLE).model_copy(update={"run_number": reply.run_number})
        origin = self._origins.get(item.inbox_id) if item.inbox_id else None
        if reply.followed is not None:
            self.begun.append(Begun(self._place, self._session_id, reply.followed))
        if reply.ended is not None and await self._end_growth(reply, reply.ended):
            if reply.kind is Kind.NOTICE:
                return
            # Its lines stand where it grew.
            reply = reply.model_copy(update={"blocks": reply.blocks[:1]})
        match reply.kind:
            case Kind.ANSWER if origin is not None and origin.query_id is not None:
                await self._answer_press(item, reply, origin, origin.query_id)
            case Kind.ANSWER if item.run_id is None:
                await self._put(
                    item.key,
                    reply,
                    solicited=True,
                    to=replies.addressee(origin, self._place),
                    reply_to=replies.replied_to(origin, self._place),
                )
            case Kind.PROGRESS | Kind.REMARK:
                pass  # the run's one message shows it
            case Kind.QUESTION:
                await self._ask(item, reply)
            case Kind.NOTICE if reply.approval_id is not None and not reply.choices:
                await self._close(item, reply)
            case Kind.NOTICE if reply.choices:
                await self._ask(item, reply)
            case Kind.NOTICE | Kind.ANSWER:
                await self._tell_of_run(item, reply)
            case Kind.RESULT:
                await self._end(item, reply)

    async def _answer_press(self, item: FeedItem, reply: Reply, press: Origin, query_id: str) -> None:
        """Tell who pressed a button, and the chat only what more than a word there is to say.

        What went wrong is only for who pressed: it says nothing to the others of a group.
        A decision shows itself, in the message that had the buttons.
        """
        toast = render_toast(reply, query_id)
        if reply.error is None and not (press.decides and not reply.asks_comment):
            await self._put(item.key, reply, solicited=True, to=replies.addressee(press, self._place))
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
        await self._put(item.key, reply, heard=True)
        unheard = not await self._is_heard()
        places = await private_chats_of_deciders(self._tx, item.run_id, reply.approval_id, unheard=unheard)
        await self._put_also(places, item, reply, heard=True)

    async def _tell_of_run(self, item: FeedItem, reply: Reply) -> None:
        """Tell what has become of a run where it belongs, and in private if nobody hears it there."""
        await self._put(item.key, reply)
        if item.run_id is not None and not await self._is_heard():
            await self._put_also(await private_chats_of_run(self._tx, item.run_id), item, reply)

    async def _is_heard(self) -> bool:
        """Whether anybody hears what is said in the session: not where all were let go, or the bot was put out."""
        return await is_heard(self._tx, self._session_id, groups_in_settings=self._groups_in_settings)

    async def _put_also(
        self, places: Sequence[Place], item: FeedItem, reply: Reply, *, heard: bool = False
    ) -> None:
        for place in places:
            if place != self._place:
                await self._put(f"{item.key}@{place.external_key}", reply, place=place, heard=heard)

    async def _close(self, item: FeedItem, reply: Reply) -> None:
        """Take the buttons away from a question that is asked no more, and say there what became of it."""
        assert reply.approval_id is not None  # noqa: S101 - the caller looked
        said = await outbox.of_approval(self._tx, reply.approval_id)
        for row in said:
            await self._take_buttons(row, item, reply)
        if all(isinstance(row.content, Words) and row.content.prompt is not None for row in said):
            await self._tell_of_run(item, reply.in_full)

    async def _end(self, item: FeedItem, reply: Reply) -> None:
        """Tell how a run ended; what it still asked is asked no more."""
        assert item.run_id is not None  # noqa: S101 - only runs have results
        over = Reply.saying(texts.NOT_ASKED_ANY_MORE)
        for approval in await approvals.of_run(self._tx, item.run_id):
            for row in await outbox.of_approval(self._tx, approval.id):
                await self._take_buttons(row, item, over)
        await self._tell_of_run(item, reply)

    async def _end_growth(self, reply: Reply, number: int) -> bool:
        """Let the end of a followed log stand where it grew; return False where that was no message."""
        growing = await outbox.of_key(self._tx, growing_key(number))
        if growing is None:
            return False
        for place, content in enumerate(render(reply)):
            key = growing.key if place == 0 else f"{growing.key}#{place}"
            await outbox.stand(self._tx, **{**_as_it_is(growing), "key": key}, content=content)
        self._chats.add(growing.chat_id)
        return True

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
        if progress.status.ended and not await outbox.is_there(self._tx, key):
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
        self,
        key: str,
        reply: Reply,
        *,
        solicited: bool = False,
        place: Place | None = None,
        to: Addressee | None = None,
        reply_to: int | None = None,
        heard: bool = False,
    ) -> None:
        place = place or self._place
        contents = replies.contents_of(
            reply, place, username=self._username, to=to, reply_to=reply_to, heard=heard
        )
        await replies.put(
            self._tx, key, reply, contents, place=place, session_id=self._session_id, solicited=solicited
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
