"""How long trouble with GitHub is waited out here, before somebody else has to decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exponential_jitter,
    wait_random,
)

from infrastructure.forge.github.errors import GitHubUnavailable, RateLimited

PATIENCE_S = 30.0
"""Seconds in all; a pause that would go beyond is the caller's, who holds a job meanwhile."""

MOST_ATTEMPTS = 5

_backoff = wait_exponential_jitter(multiplier=0.5, max=8, jitter=0.5)
_jitter = wait_random(0, 1)
"""So that those who were told the same moment do not come back at the same moment."""

T = TypeVar("T")

log = structlog.get_logger()


class Patience:
    """Tries again what failed for a reason that passes."""

    def __init__(self, seconds: float = PATIENCE_S) -> None:
        self._seconds = seconds

    async def run(self, story: Callable[[], Awaitable[T]]) -> T:
        """Run a story that is safe to repeat, until it is told or the patience is at its end.

        Raises:
            RateLimited: GitHub wants a longer pause.
            GitHubUnavailable: It did not come back in time.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((GitHubUnavailable, RateLimited)),
            wait=_pause_s,
            stop=stop_before_delay(self._seconds) | stop_after_attempt(MOST_ATTEMPTS),
            before_sleep=_say,
            reraise=True,
        )

        async def attempt() -> T:
            # A coroutine function by its looks: tenacity does not await what a lambda returns.
            return await story()

        return await retrying(attempt)


def _pause_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited):
        return max((error.until - datetime.now(UTC)).total_seconds(), 0) + _jitter(state)
    if isinstance(error, GitHubUnavailable) and error.pause_s is not None:
        return error.pause_s + _jitter(state)
    return _backoff(state)


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.info(
        "github.waited_for",
        reason=str(error),
        attempt=state.attempt_number,
        pause_s=round(state.upcoming_sleep, 1),
    )
