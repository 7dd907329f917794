"""How times and lists are said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.conversation.texts.words import duration, either, listed, paragraph, plural, since


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"), (0, "0.0 s"), (0.44, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"),
        (59.6, "1 min"), (60, "1 min"), (185, "3 min 5 s"), (3599.7, "1 h"), (7800, "2 h 10 min"),
        (86400, "1 day"), (200_000, "2 days"),
    ],
)  # fmt: skip
def test_a_duration_is_as_exact_as_a_person_needs_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(max_value=1e9))
def test_a_duration_is_short(seconds: float) -> None:
    assert len(duration(seconds)) < 16


def test_a_clock_that_is_behind_makes_no_negative_time() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert since(now + timedelta(minutes=5), now) == "0.0 s"


def test_lists_are_said_as_people_do() -> None:
    assert [listed(items) for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert either(["a", "b", "c"]) == "a, b or c"
    assert [plural(number, "a line", "lines") for number in (0, 1, 2)] == ["lines", "a line", "lines"]
    assert paragraph("It is so.", "", "It stays so.") == "It is so. It stays so."
