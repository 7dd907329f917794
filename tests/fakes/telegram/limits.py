"""Telegram's flood limits: so many messages a second in all, to a chat, a minute to a group."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.fakes.telegram.errors import too_many_requests

COUNTED = frozenset(
    {
        "sendmessage",
        "sendrichmessage",
        "senddocument",
        "sendphoto",
        "editmessagetext",
        "editmessagecaption",
        "editmessagereplymarkup",
    }
)
"""Methods that count. Answers to buttons, chat actions and drafts have limits of their own."""


@dataclass(frozen=True)
class Violation:
    """A call that was too much: which limit, where, and how long the bot has to wait."""

    limit: str
    method: str
    chat_id: int
    retry_after: int


@dataclass
class Window:
    """At most `count` events in any `seconds`."""

    count: int
    seconds: float
    times: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Seconds until one more is allowed; 0 when it is."""
        while self.times and self.times[0] <= now - self.seconds:
            self.times.popleft()
        return self.times[0] + self.seconds - now if len(self.times) >= self.count else 0.0


@dataclass
class Limits:
    """What a bot may send. Off until `on` is set; what was too much is kept in `violations`.

    Args:
        per_second: Messages a second in all.
        chat_burst: Messages at once to one chat, which then refill at one a second.
        group_per_minute: Messages a minute to one group.
    """

    on: bool = False
    per_second: int = 30
    chat_burst: int = 3
    group_per_minute: int = 20
    violations: list[Violation] = field(default_factory=list)
    _overall: Window = field(init=False)
    _chats: dict[int, tuple[float, float]] = field(default_factory=dict)
    _groups: dict[int, Window] = field(init=False)

    def __post_init__(self) -> None:
        self._overall = Window(self.per_second, 1.0)
        self._groups = defaultdict(lambda: Window(self.group_per_minute, 60.0))

    def check(self, method: str, chat_id: int, is_group: bool) -> None:
        """Count a call.

        Raises:
            ApiError: 429 when it is one too many; it is not counted then.
        """
        if not self.on or method not in COUNTED:
            return
        now = time.monotonic()
        waits = {"overall": self._overall.wait(now), "chat": self._chat_wait(chat_id, now)}
        if is_group:
            waits["group"] = self._groups[chat_id].wait(now)
        limit = max(waits, key=lambda name: waits[name])
        if waits[limit] > 0:
            retry_after = max(1, math.ceil(waits[limit]))
            self.violations.append(Violation(limit, method, chat_id, retry_after))
            raise too_many_requests(retry_after)
        self._count(chat_id, is_group, now)

    def _chat_wait(self, chat_id: int, now: float) -> float:
        tokens, _ = self._tokens(chat_id, now)
        return max(0.0, 1.0 - tokens)

    def _tokens(self, chat_id: int, now: float) -> tuple[float, float]:
        tokens, since = self._chats.get(chat_id, (float(self.chat_burst), now))
        return min(float(self.chat_burst), tokens + now - since), now

    def _count(self, chat_id: int, is_group: bool, now: float) -> None:
        self._overall.times.append(now)
        tokens, _ = self._tokens(chat_id, now)
        self._chats[chat_id] = (tokens - 1.0, now)
        if is_group:
            self._groups[chat_id].times.append(now)
