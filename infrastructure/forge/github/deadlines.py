"""Until when a story may go on: seen before each request, and while an answer comes in.

A thread cannot be stopped from outside. One whose story nobody waits for any more must not make the next
request: by then the story may have been told anew, and a comment or a merge would stand there twice.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from infrastructure.forge.github.errors import GitHubUnavailable


class Deadline:
    """The time that one story has, from its making on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._called_off = threading.Event()

    def call_off(self) -> None:
        """Let the story end where it is; any thread may say so."""
        self._called_off.set()

    def left_s(self) -> float:
        """Return how many seconds are left, which are some.

        Raises:
            GitHubUnavailable: None are, or the story was called off.
        """
        left = self._end - time.monotonic()
        if left <= 0 or self._called_off.is_set():
            raise GitHubUnavailable(f"GitHub did not answer within {self._seconds:g} s")
        return left

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Hold what this thread asks GitHub to the deadline while the block runs."""
        token = _kept.set(self)
        try:
            yield
        finally:
            _kept.reset(token)


# Not handed on by argument: between a story and its requests stands PyGithub.
_kept: ContextVar[Deadline] = ContextVar("deadline")
_NONE = Deadline(math.inf)


def deadline() -> Deadline:
    """Return the deadline of the story that this thread tells; one that never comes outside of stories."""
    return _kept.get(_NONE)
