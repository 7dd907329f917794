"""Chats that have to wait: because Telegram said so, or because calls for them fail."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

_FIRST_S: Final = 0.5
_LONGEST_S: Final = 60.0
"""Failed calls are made again after half a second, then after twice as long each time, up to a minute."""

_TOGETHER_S: Final = 1.0
_TOGETHER: Final = 3
"""Telegram does not say whether a limit is a chat's or the bot's. So many chats in a second: the bot's."""


class Holds:
    """Until when which chat has to wait, by the monotonic clock."""

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random
    ) -> None:
        """Start with every chat free.

        Args:
            clock: Seconds of a clock that never goes back.
            jitter: A number from 0 to 1, so that chats that failed together are not tried together.
        """
        self._clock = clock
        self._jitter = jitter
        self._until: dict[int, float] = {}
        self._all_until = -math.inf
        self._flooded: dict[int, float] = {}
        self._failures: Counter[int] = Counter()

    def hold(self, chat_id: int, seconds: float) -> None:
        """Let a chat wait."""
        self._until[chat_id] = max(self._clock() + seconds, self._until.get(chat_id, -math.inf))

    def flooded(self, chat_id: int, seconds: float) -> bool:
        """Let a chat wait whose limit was passed; all of them, if it looks like the limit of all.

        Returns:
            Whether all have to wait.
        """
        now = self._clock()
        self.hold(chat_id, seconds)
        self._flooded = {chat: at for chat, at in self._flooded.items() if now - at < _TOGETHER_S}
        self._flooded[chat_id] = now
        if len(self._flooded) < _TOGETHER:
            return False
        self._all_until = max(self._all_until, now + seconds)
        return True

    def failed(self, chat_id: int) -> float:
        """Let a chat wait for which a call has failed, longer each time; returns the seconds."""
        seconds = min(_LONGEST_S, _FIRST_S * 2.0 ** min(self._failures[chat_id], 20))
        seconds *= 0.5 + 0.5 * self._jitter()
        self._failures[chat_id] += 1
        self.hold(chat_id, seconds)
        return seconds

    def succeeded(self, chat_id: int) -> None:
        """Forget the failures of a chat."""
        self._failures.pop(chat_id, None)

    def free(self, chat_id: int) -> bool:
        """Return whether a chat need not wait."""
        return self._clock() >= max(self._all_until, self._until.get(chat_id, -math.inf))

    def failing(self, chat_id: int) -> bool:
        """Return whether the last call for a chat has failed, so that nothing at all would get through."""
        return chat_id in self._failures

    def ended(self) -> set[int]:
        """Return the chats whose waiting has ended since the last time."""
        ended = {chat_id for chat_id in self._until if self.free(chat_id)}
        for chat_id in ended:
            del self._until[chat_id]
        return ended

    def soonest(self) -> float:
        """Return the seconds until some chat is free again; infinite when none waits."""
        soonest = max(self._all_until, min(self._until.values(), default=math.inf))
        return max(0.0, soonest - self._clock())
