"""The stream of updates: what waits, what was confirmed, and who reads it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from tests.fakes.telegram.errors import Json, bad_request, conflict

FIRST_UPDATE_ID = 700_000_001
LONGEST_WAIT_S = 50.0
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
DUPLICATE_READER = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_IS_SET = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class UpdateQueue:
    """Updates in the order of their ids, until the bot confirms them.

    Updates that a test delivers again, late or out of order are kept aside (`injected`): they
    are handed out once, whatever the bot has confirmed before.
    """

    def __init__(self) -> None:
        self.pending: OrderedDict[int, Json] = OrderedDict()
        self.injected: deque[Json] = deque()
        self.held: list[Json] | None = None
        self.archive: dict[int, Json] = {}
        self.allowed: list[str] | None = None
        self.next_id = FIRST_UPDATE_ID
        self._reader: asyncio.Future[bool] | None = None
        self._wakers: set[asyncio.Future[None]] = set()

    @property
    def has_reader(self) -> bool:
        """Whether somebody waits for an update."""
        return self._waiting() is not None

    def wants(self, kind: str) -> bool:
        """Whether the bot asked for updates of this kind."""
        return kind in self.allowed if self.allowed else kind not in NOT_BY_DEFAULT

    def add(self, body: Json) -> int:
        """Append an update; returns its id."""
        update_id = int(body.setdefault("update_id", self.next_id))
        late = update_id < self.next_id
        self.next_id = max(self.next_id, update_id + 1)
        self.archive[update_id] = body
        if self.held is not None:
            self.held.append(body)
        elif late:
            self.injected.append(body)
        else:
            self.pending[update_id] = body
        self._wake()
        return update_id

    def again(self, update_id: int, times: int) -> None:
        """Deliver an update once more, or several times."""
        self.injected.extend([self.archive[update_id]] * times)
        self._wake()

    def hold(self) -> None:
        """Keep new updates back."""
        self.held = self.held or []

    def release(self, reverse: bool) -> None:
        """Hand out what was kept back, in one of two orders."""
        held, self.held = self.held or [], None
        if reverse:
            self.injected.extend(reversed(held))
        else:
            self.pending.update((body["update_id"], body) for body in held)
        self._wake()

    def confirm(self, update_id: int) -> None:
        """Forget one update: a webhook took it."""
        self.pending.pop(update_id, None)

    def clear(self) -> None:
        """Drop what waits."""
        self.pending.clear()
        self.injected.clear()

    async def read(
        self, offset: int, limit: int, timeout_s: float, alive: Callable[[], bool] = lambda: True
    ) -> list[Json]:
        """Confirm everything below `offset` and wait for something to hand out.

        Raises:
            ApiError: Another reader came while this one waited.
        """
        if timeout_s < 0:
            raise bad_request("timeout must be non-negative")
        self.interrupt(DUPLICATE_READER)
        self._confirm_below(offset)
        limit = limit if 1 <= limit <= 100 else 100
        if not self._ready() and timeout_s:
            await self._wait(min(timeout_s, LONGEST_WAIT_S))
        # What is injected is handed out once: not to somebody who was killed while waiting.
        return self._take(limit) if alive() else []

    def interrupt(self, reason: str) -> None:
        """Send a waiting reader away."""
        if (reader := self._waiting()) is not None:
            reader.set_exception(conflict(reason))
        self._reader = None

    async def changed(self) -> None:
        """Return when something was added."""
        waker = asyncio.get_running_loop().create_future()
        self._wakers.add(waker)
        try:
            await waker
        finally:
            self._wakers.discard(waker)

    def _confirm_below(self, offset: int) -> None:
        if offset < 0:
            offset = next(iter(list(self.pending)[offset:]), 0)
        while self.pending and next(iter(self.pending)) < offset:
            self.pending.popitem(last=False)

    def _waiting(self) -> asyncio.Future[bool] | None:
        return self._reader if self._reader is not None and not self._reader.done() else None

    def _ready(self) -> bool:
        return bool(self.pending or self.injected)

    async def _wait(self, timeout_s: float) -> None:
        loop = asyncio.get_running_loop()
        reader: asyncio.Future[bool] = loop.create_future()
        self._reader = reader
        timer = loop.call_later(timeout_s, _expire, reader)
        try:
            await reader
        finally:
            timer.cancel()
            if self._reader is reader:
                self._reader = None

    def _take(self, limit: int) -> list[Json]:
        taken: list[Json] = []
        while self.injected and len(taken) < limit:
            taken.append(self.injected.popleft())
        for body in self.pending.values():
            if len(taken) == limit:
                break
            taken.append(body)
        return taken

    def _wake(self) -> None:
        if (reader := self._waiting()) is not None and self._ready():
            reader.set_result(True)
        for waker in self._wakers:
            if not waker.done():
                waker.set_result(None)


def _expire(reader: asyncio.Future[bool]) -> None:
    if not reader.done():
        reader.set_result(False)
