"""Token buckets: so many at once, so many a second over time."""

from __future__ import annotations

import time
from collections.abc import Callable


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
