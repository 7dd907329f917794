"""Token buckets: so many at once, so many a second over time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Bucket:
    """One bucket. It counts by the monotonic clock, so that a clock that is set changes nothing."""

    def __init__(self, burst: float, per_s: float, *, now: Callable[[], float] = time.monotonic) -> None:
        """Make a full bucket.

        Args:
            burst: How many may be taken at once.
            per_s: How many come back in a second.
            now: Seconds of a clock that never goes back.
        """
        self._burst = burst
        self._per_s = per_s
        self._now = now
        self._left = burst
        self._at = now()

    def take(self) -> bool:
        """Take one; False when there is none."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Buckets:
    """The same measure by several clocks: what one of them has room for passes, and is taken from all.

    What was taken by another clock's leave leaves a debt, so that all of them together give no more
    than one. The debt is a burst at most: a clock that was set cannot keep the others' room for long.
    """

    def __init__(self, burst: float, per_s: float) -> None:
        """Make full buckets.

        Args:
            burst: How many may be taken at once.
            per_s: How many come back in a second.
        """
        self._burst = burst
        self._per_s = per_s
        self._left: dict[str, float] = {}
        self._at: dict[str, float] = {}

    def take(self, clocks: Mapping[str, float]) -> bool:
        """Take one; False when there is none.

        Args:
            clocks: The seconds that each clock shows. They may come out of order: none goes back here.
        """
        for clock, shown in clocks.items():
            at = max(shown, self._at.get(clock, shown))
            back = (at - self._at.get(clock, at)) * self._per_s
            self._left[clock] = min(self._burst, self._left.get(clock, self._burst) + back)
            self._at[clock] = at
        if all(self._left[clock] < 1 for clock in clocks):
            return False
        for clock, left in self._left.items():
            self._left[clock] = max(-self._burst, left - 1)
        return True
