"""Makes the chats what the outbox says: in order per chat, chats side by side, one call at a time in each.

A round of the sender is for many chats: one statement records what has been done, one takes what is
next. The calls themselves go on meanwhile. An answer may also be taken by whoever writes it, in a chat
that is kept for it. A row is marked `sending` before its call, so that whoever finds it so later (this
process after a cut connection, the next one after a crash) knows that nobody knows, and looks before
sending it again.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import structlog
from aiogram import Bot

from bot import chats, dispatch
from bot.conclusion import Conclusion, again, dropped
from bot.courier import (
    Courier,
    Later,
    Stands,
)
from bot.dispatch import Look, Mark, Next, Rank
from bot.holds import Holds
from bot.metrics import EDITED, FOUND, LATENCY, RETRIED, SENT
from bot.outbox import Row, RowStatus
from bot.outgoing import Toast
from bot.pace import Pace, Waiting, Weight
from bot.probe import Found, Missing, Probe
from bot.reservation import Reservation
from shared.database import Connection, Database
from shared.lease import LeaseLost
from shared.outages import OUTAGE, outlast

_SWEEP_S: Final = 1.0
"""How often the whole outbox is looked at, for what nobody has woken the sender for."""

_GATHERED_S: Final = 0.005
"""Rounds are so far apart: what comes within this time costs one transaction."""

_RECORDED_S: Final = 0.02
"""What has been done is recorded so far apart, where nothing else is to be looked for."""

_LAST_WORD_S: Final = 5.0
"""How long the calls under way may go on when the sender is told to stop."""

_RECORDED_WITHIN_S: Final = 1.0
"""How long it is tried to record them then."""

_FRESH_S: Final = 4.0
"""A mark older than this is not acted upon: the process was paused, and another one may speak now."""

_HANDOVER_S: Final = 1.0 + _LAST_WORD_S + _RECORDED_WITHIN_S
"""So long after a handover the last speaker may still be at it: it finds out by its next beat, a second later."""

_SOON_S: Final = 0.02
"""When to look again for a row that somebody else's transaction holds."""

log = structlog.get_logger(__name__)


class Sender:
    """The one that speaks, as long as it holds the lease."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        *,
        token: int,
        pace: Pace | None = None,
        handover_s: float = _HANDOVER_S,
        groups_in_settings: Sequence[int] | None = None,
    ) -> None:
        """Put it together; nothing is sent yet.

        Args:
            database: Where the outbox is.
            bot: Who speaks.
            token: The lease by which this process speaks.
            pace: How fast.
            handover_s: Seconds for which calls may be under way that the last speaker has begun.
            groups_in_settings: The groups that the settings let in; left out, nobody asks which are.
        """
        self._groups_in_settings = groups_in_settings
        self._database = database
        self._token = token
        self._courier = Courier(bot)
        self._pace = pace or Pace()
        self._handover_s = handover_s
        self._probe = Probe(database, self._courier, self._pace)
        self._holds = Holds()
        self._conclusion = Conclusion(database, self._holds, token=token, wake=self.wake)
        self._ready: set[int] = set()
        """Chats to look at."""
        self._busy: dict[int, Weight | None] = {}
        """Chats with a call under way, and what the pace has counted for it."""
        self._waiting: dict[int, Waiting] = {}
        """Chats in which something waits for its turn."""
        self._asked: set[int] = set()
        """Chats that a round under way looks at."""
        self._done: list[Mark] = []
        """What has been done and is not recorded yet."""
        self._sends = False
        self._stirred = asyncio.Event()
        self._calls: asyncio.TaskGroup
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self, chat_id: int) -> None:
        """Say that there is something for a chat; call it after the commit, on the sender's loop."""
        self._ready.add(chat_id)
        self._stirred.set()

    def reserve(self, chat_id: int) -> Reservation | None:
        """Keep a chat for an answer that is being written, which need not be looked for then.

        Returns:
            What is to be given back as soon as its transaction has ended. None where something is under
            way in the chat, or it has to wait, or somebody has to look whether it is still let in.
        """
        if not self._sends or chat_id in self._busy or chat_id in self._asked:
            return None
        if chats.is_group(chat_id) or not self._holds.free(chat_id) or self._holds.failing(chat_id):
            return None
        self._busy[chat_id] = None
        begun = time.monotonic()

        def give_back(row: Row | None, committed: bool) -> None:
            if row is not None and committed and self._sends and self._holds.free(chat_id):
                self._start(Rank.ANSWER, row, begun, None, alone=True)
                return
            del self._busy[chat_id]
            if row is not None:
                # Nobody was called: it need not be asked what has come of it.
                self._done.append(again(row))
            self.wake(chat_id)

        return Reservation(self._token, give_back)

    async def run(self) -> None:
        """Send until cancelled, or until the lease is lost."""
        try:
            async with asyncio.TaskGroup() as self._calls:
                try:
                    await self._hold_what_was_paused()
                    await self._hold_what_was_left()
                    await self._take_up_again()
                    self._sends = True
                    async with asyncio.TaskGroup() as loops:
                        loops.create_task(self._sweep(), name="sender.sweep")
                        loops.create_task(self._serve(), name="sender.serve")
                finally:
                    self._sends = False
                    await self._finish_calls()
        except* LeaseLost:
            log.warning("sender.replaced", token=self._token)

    async def _hold_what_was_paused(self) -> None:
        async def pauses() -> dict[int, float]:
            async with self._database.connection() as connection:
                return await chats.pauses(connection)

        for chat_id, seconds in (await outlast(pauses)).items():
            self._holds.hold(chat_id, seconds)

    async def _hold_what_was_left(self) -> None:
        """Leave alone what the last speaker may be calling for, if it lives: it says how that ended, or stops.

        We hold the lease, so that it begins nothing new. When it began what is under way does not
        matter: a call that hangs may be long under way, and the database's clock may have been set.
        """

        async def left() -> set[int]:
            async with self._database.connection() as connection:
                return await dispatch.chats_under_way(connection)

        for chat_id in await outlast(left):
            self._holds.hold(chat_id, self._handover_s)

    async def _take_up_again(self) -> None:
        async def due() -> None:
            async with self._database.connection() as connection:
                await dispatch.take_up_again(connection, token=self._token)

        await outlast(due)

    async def _sweep(self) -> None:
        """Wake the chats that something waits for, every second and at the start."""
        while True:
            self._ready |= await outlast(self._look_everywhere)
            self._stirred.set()
            await asyncio.sleep(_SWEEP_S)

    async def _look_everywhere(self) -> set[int]:
        async with self._database.connection() as connection:
            if not await dispatch.holds(connection, self._token):
                raise LeaseLost
            return await dispatch.chats_with_something(connection)

    async def _serve(self) -> None:
        """Go round after round, as long as there is something to record or to take."""
        begun = -math.inf
        while True:
            await self._gather(begun)
            looks, soonest = self._next_looks()
            if looks or self._done:
                begun = time.monotonic()
                self._asked = {look.chat_id for look in looks}
                await self._round(looks)
                self._asked = set()
            else:
                await self._rest(soonest)

    async def _gather(self, begun: float) -> None:
        """Let what comes shortly after the last round come together."""
        while self._done and not self._ready and (left_s := begun + _RECORDED_S - time.monotonic()) > 0:
            await self._rest(left_s)
        if self._ready or self._done:
            await asyncio.sleep(begun + _GATHERED_S - time.monotonic())

    def _next_looks(self) -> tuple[list[Look], float]:
        """Return the chats to look at now, and the seconds until there may be others."""
        self._ready |= self._holds.ended()
        granted, soonest = self._pace.grant(
            one
            for one in self._waiting.values()
            if one.chat_id not in self._busy and self._holds.free(one.chat_id)
        )
        free = {chat_id for chat_id in self._ready if chat_id not in self._busy}
        self._ready -= free
        looks = [
            Look(chat_id, granted=chat_id in granted, held=not self._holds.free(chat_id))
            for chat_id in free.union(granted)
            if self._holds.free(chat_id) or not self._holds.failing(chat_id)
        ]
        return looks, min(soonest, self._holds.soonest())

    async def _rest(self, seconds: float) -> None:
        if self._ready - self._busy.keys():
            return
        self._stirred.clear()
        try:
            async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                await self._stirred.wait()
        except TimeoutError:
            pass

    async def _round(self, looks: list[Look]) -> None:
        """Record and take, by a statement each, then let the calls begin."""
        done, self._done = self._done, []
        begun = time.monotonic()
        unrecorded = done
        try:
            async with self._database.connection() as connection:
                if done:
                    unrecorded = _without(done, await dispatch.record(connection, done, token=self._token))
                taken = await self._take(connection, looks) if looks else []
        except OUTAGE as error:
            log.warning("sender.waiting", error=str(error).partition("\n")[0])
            self._done = unrecorded + self._done
            self._take_back(looks)
            await asyncio.sleep(_SWEEP_S)
            return
        except asyncio.CancelledError:
            # Whether it is recorded, nobody knows now: the last word records it again, which changes nothing.
            self._done = unrecorded + self._done
            raise
        self._done = unrecorded + self._done
        self._begin(looks, taken, begun)
        if unrecorded:
            await asyncio.sleep(_SOON_S)

    async def _take(self, connection: Connection, looks: list[Look]) -> list[Next]:
        """Take what is next, but for what is for strangers: it may have been written before they were let go."""
        # In what is held, a call may be under way: what it came to is to be known first.
        asked = {look.chat_id for look in looks if not look.held}
        strange = await dispatch.strangers(connection, asked, groups_in_settings=self._groups_in_settings)
        if strange:
            await dispatch.drop(connection, strange, token=self._token)
        known = [look for look in looks if look.chat_id not in strange]
        return await dispatch.take(connection, known, token=self._token) if known else []

    def _take_back(self, looks: list[Look]) -> None:
        """Ask again for chats for which the answer was lost."""
        for look in looks:
            self._ready.add(look.chat_id)
            if look.granted:
                self._pace.withdraw(look.chat_id, self._waiting[look.chat_id].weight)

    def _begin(self, looks: list[Look], taken: list[Next], begun: float) -> None:
        """Let what was taken go, and remember what has to wait for its turn."""
        following = {one.chat_id: one for one in taken}
        unrecorded = {mark.row.id for mark in self._done}
        for look in looks:
            one = following.get(look.chat_id)
            waited = self._waiting.pop(look.chat_id, None)
            counted = waited.weight if look.granted and waited is not None else None
            if one is not None and one.row is not None and one.row.id not in unrecorded:
                self._start(one.rank, one.row, begun, counted)
                continue
            if counted is not None:
                self._pace.withdraw(look.chat_id, counted)
            if one is not None and one.row is None and one.is_paced and not look.granted:
                self._let_wait(one, waited)
            elif one is not None:
                # Somebody else's transaction holds it.
                asyncio.get_running_loop().call_later(_SOON_S, self.wake, look.chat_id)

    def _let_wait(self, one: Next, waited: Waiting | None) -> None:
        weight = _weight(one)
        since = waited.since if waited is not None and waited.weight == weight else self._pace.now()
        self._waiting[one.chat_id] = Waiting(one.chat_id, weight, since)

    def _start(
        self, rank: Rank, row: Row, begun: float, counted: Weight | None, *, alone: bool = False
    ) -> None:
        # A toast is no message, and the questions about a call that was cut short count one by one.
        if counted is None and rank > Rank.TOAST:
            counted = Weight.MESSAGE
            self._pace.begin(row.chat_id, counted)
        self._busy[row.chat_id] = counted
        task = self._calls.create_task(
            self._deliver(rank, row, begun, alone=alone), name=f"sender.deliver.{row.id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, rank: Rank, row: Row, begun: float, *, alone: bool) -> None:
        """Make one row stand, and say what became of it; its chat is free then.

        Where it was found by a look there may be more; what is written beside a reservation is woken for.
        """
        try:
            mark = await self._recover(row) if rank is Rank.UNKNOWN else await self._carry(row, begun)
        except LeaseLost:
            # The sweep stops us within a second. Raised here, it would cut short the calls of other chats.
            mark = None
        if mark is not None:
            self._done.append(mark)
        counted = self._busy.pop(row.chat_id)
        if counted is not None:
            self._pace.end(row.chat_id, counted)
        if alone and mark is not None and mark.status is RowStatus.SENT:
            self._stirred.set()
        else:
            self.wake(row.chat_id)

    async def _carry(self, row: Row, begun: float) -> Mark | None:
        if time.monotonic() - begun > _FRESH_S:
            return again(row)
        new = row.status is RowStatus.SENDING
        outcome = await (self._courier.post(row) if new else self._courier.edit(row))
        if isinstance(outcome, Stands):
            _count(row, new=new)
        return await self._conclusion.of(row, outcome)

    async def _recover(self, row: Row) -> Mark | None:
        """Find out what has become of a call whose end nobody knows."""
        match await self._probe.find(row):
            case Found(message_id=message_id):
                FOUND.inc()
                log.info("message.found", key=row.key, chat_id=row.chat_id, message_id=message_id)
                self._holds.succeeded(row.chat_id)
                # Whether the first revision was sent or a later one, nobody knows either.
                return Mark(row, RowStatus.SENT, message_id, 1 if row.revision == 1 else 0)
            case Missing() if isinstance(row.content, Toast):
                return dropped(row, "nobody knows whether it was shown")
            case Missing():
                RETRIED.labels("unknown").inc()
                log.info("message.missed", key=row.key, chat_id=row.chat_id)
                return again(row)
            case Later() as later:
                # The question has to wait, and its answer stays unknown: the row stays as it is.
                await self._conclusion.wait(row, later)
                return None
            case outcome:
                return await self._conclusion.of(row, outcome)

    async def _finish_calls(self) -> None:
        """Let the calls under way end, and record them: what is known now need not be guessed later."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_WORD_S)
        until = time.monotonic() + _RECORDED_WITHIN_S
        while self._done:
            await self._record_done()
            if time.monotonic() >= until:
                break
            if self._done:
                await asyncio.sleep(_SOON_S)
        if self._done:
            log.warning("sender.stopped", unrecorded=len(self._done))

    async def _record_done(self) -> None:
        """Record what can be recorded now; the rest stays, also while the database does not answer."""
        try:
            async with self._database.connection() as connection:
                settled = await dispatch.record(connection, self._done, token=self._token)
        except OUTAGE as error:
            log.warning("sender.waiting", error=str(error).partition("\n")[0])
        else:
            self._done = _without(self._done, settled)


def _without(marks: list[Mark], settled: set[int]) -> list[Mark]:
    return [mark for mark in marks if mark.row.id not in settled]


def _weight(one: Next) -> Weight:
    match one.rank:
        case Rank.PROGRESS:
            return Weight.PROGRESS
        case Rank.MESSAGE if not one.is_progress:
            return Weight.MESSAGE
        case _:
            return Weight.EDIT


def _count(row: Row, *, new: bool) -> None:
    (SENT if new else EDITED).labels(row.content.type).inc()
    if new and row.solicited:
        LATENCY.observe(max(0.0, (datetime.now(UTC) - row.created_at).total_seconds()))
    log.debug("message.sent" if new else "message.edited", key=row.key, chat_id=row.chat_id)
