"""How fast the bot speaks: within Telegram's limits, and no faster than people read.

What answers a person goes at once and is only counted. The rest waits for its turn: new messages
before edits, progress last. See https://core.telegram.org/bots/faq#broadcasting-to-users
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from bot.chats import is_group

_YIELD_S: Final = 5.0
"""What is lighter gives way to what is heavier for so long, and not for ever."""


class Weight(IntEnum):
    """How much it matters that something is said soon; the least goes first."""

    MESSAGE = 0
    """A result, a question, a notice."""
    EDIT = 1
    """A message that has changed, or the first one of a run's progress."""
    PROGRESS = 2
    """A change of a run's progress, which keeps a distance from the one before."""


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in any stretch of so many seconds."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What Telegram allows a bot, and how often a progress message may change."""

    overall: Limit = Limit(30, 1.0)
    chat: Limit = Limit(1, 1.0)
    group: Limit = Limit(20, 60.0)
    progress: Limit = Limit(1, 1.5)
    progress_in_group: Limit = Limit(1, 6.0)
    """Half of what a group is allowed in a minute is left for messages."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a chat would be told next."""

    chat_id: int
    weight: Weight
    since: float
    """By the pace's clock."""

    @property
    def urgency(self) -> float:
        """What the waiting are sorted by: the time of asking, later for what matters less."""
        return self.since + _YIELD_S * self.weight


class Pace:
    """Says who may be told something now.

    Sliding windows rather than token buckets: a full bucket and its refill make nearly twice the
    limit in one second. A call counts from its permission until a window's length after its end,
    so that no delay on the way can bring two closer together at Telegram's side than is allowed.
    """

    def __init__(self, limits: Limits | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with nothing said.

        Args:
            limits: What is allowed.
            clock: Seconds of a clock that never goes back.
        """
        self._limits = limits or Limits()
        self._clock = clock
        self._overall = _Window(self._limits.overall)
        self._chats = defaultdict[int, _Window](lambda: _Window(self._limits.chat))
        self._groups = defaultdict[int, _Window](lambda: _Window(self._limits.group))
        self._progress: dict[int, _Window] = {}

    def now(self) -> float:
        """Return the time by the pace's clock."""
        return self._clock()

    def grant(self, waiting: Iterable[Waiting]) -> tuple[list[int], float]:
        """Let go whoever may.

        Args:
            waiting: One for each chat.

        Returns:
            The chats that may be told, each of which has begun its call; and the seconds until
            another one of them may be, infinite if that depends on calls that are under way.
        """
        granted: list[int] = []
        soonest = math.inf
        now = self._clock()
        for one in sorted(waiting, key=lambda one: one.urgency):
            free_at = max(window.free_at(now) for window in self._windows(one.chat_id, one.weight))
            if free_at <= now:
                self.begin(one.chat_id, one.weight)
                granted.append(one.chat_id)
            else:
                soonest = min(soonest, free_at - now)
        return granted, soonest

    def full_for(self) -> float:
        """Return the seconds until all chats together leave room for a call; infinite as long as none has ended."""
        now = self._clock()
        return max(0.0, self._overall.free_at(now) - now)

    def begin(self, chat_id: int, weight: Weight = Weight.MESSAGE) -> None:
        """Count a call that begins, allowed or not."""
        for window in self._windows(chat_id, weight):
            window.begin()

    def end(self, chat_id: int, weight: Weight = Weight.MESSAGE) -> None:
        """Note that a call has ended; only from now on does its time run out."""
        for window in self._windows(chat_id, weight):
            window.end(self._clock())

    def withdraw(self, chat_id: int, weight: Weight = Weight.MESSAGE) -> None:
        """Give back a permission that was not used."""
        for window in self._windows(chat_id, weight):
            window.withdraw()

    def _windows(self, chat_id: int, weight: Weight) -> list[_Window]:
        windows = [self._overall, self._chats[chat_id]]
        if is_group(chat_id):
            windows.append(self._groups[chat_id])
        if weight is Weight.PROGRESS:
            windows.append(self._progress_of(chat_id))
        return windows

    def _progress_of(self, chat_id: int) -> _Window:
        if chat_id not in self._progress:
            limits = self._limits
            self._progress[chat_id] = _Window(
                limits.progress_in_group if is_group(chat_id) else limits.progress
            )
        return self._progress[chat_id]


class _Window:
    """The calls under way, and the ends of those before."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._under_way = 0
        self._ends: deque[float] = deque()

    def free_at(self, now: float) -> float:
        """Return when one more is allowed, as far as can be known: now, later, or infinity."""
        self._forget(now)
        too_many = self._under_way + len(self._ends) - self._limit.calls
        if too_many < 0:
            return now
        return self._ends[too_many] + self._limit.seconds if too_many < len(self._ends) else math.inf

    def begin(self) -> None:
        self._under_way += 1

    def end(self, now: float) -> None:
        self._under_way -= 1
        self._ends.append(now)
        # Also where nobody ever waits.
        self._forget(now)

    def withdraw(self) -> None:
        self._under_way -= 1

    def _forget(self, now: float) -> None:
        while self._ends and self._ends[0] + self._limit.seconds <= now:
            self._ends.popleft()
