"""A pull request that is listed twice is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.ledger.pull_requests import Pull, newest

WHEN = datetime(2026, 1, 2, tzinfo=UTC)
FIRST = Pull(1, "Work", "https://github.example/1", "open", "work", "a" * 40, "main", None, WHEN)
SECOND = replace(FIRST, number=2)
CLOSED = replace(FIRST, state="closed", updated_at=WHEN + timedelta(seconds=1))


def test_of_a_pull_request_that_changed_between_two_pages_the_newest_is_kept() -> None:
    assert newest([FIRST, SECOND, CLOSED]) == (CLOSED, SECOND)
    assert newest([CLOSED, SECOND, FIRST]) == (CLOSED, SECOND)


def test_of_two_that_changed_in_the_same_second_what_was_read_last_is_kept() -> None:
    closed = replace(FIRST, state="closed")
    assert newest([FIRST, closed]) == (closed,)
