"""What was written to a log between two looks at its end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph.conversation.tail import LEFT_OUT, Tail

LOOKED_AT = 20


def looks(*texts: str, beginning: int = 10) -> list[list[str]]:
    """Return what is new in each look."""
    tail = Tail(beginning)
    return [tail.news(text) for text in texts]


def test_the_first_look_tells_the_last_lines_that_were_written_before() -> None:
    assert looks("a\nb\nc\nd", "a\nb\nc\nd", beginning=2) == [["b", "c"], ["d"]]


def test_a_line_that_may_be_half_written_waits_until_another_stands_behind_it_or_it_stays_so() -> None:
    assert looks("a\ntoken=abc", "a\ntoken=[redacted]", "a\ntoken=[redacted]") == [
        ["a"],
        [],
        ["token=[redacted]"],
    ]


def test_what_is_written_after_nothing_is_told_as_a_whole() -> None:
    lines = [str(number) for number in range(30)]
    assert looks("", "\n".join(lines), "\n".join(lines)) == [[], lines[:-1], lines[-1:]]


def test_the_same_line_again_is_new() -> None:
    assert looks("tick", "tick", "tick\ntick\ntick", "tick\ntick\ntick") == [[], ["tick"], ["tick"], ["tick"]]


def test_lines_that_came_and_went_between_two_looks_are_said_to_be_left_out() -> None:
    assert looks("a\nb\nc", "x\ny\nz") == [["a", "b"], [LEFT_OUT, "x", "y"]]


def test_several_processes_are_told_apart() -> None:
    assert looks("[web]\na\nb\n[worker]\nc\nd", "[web]\na\nb\ne\n[worker]\nc\nd") == [
        ["[web] a", "[worker] c"],
        ["[web] b", "[worker] d"],
    ]


def test_nothing_waits_where_nobody_writes_any_more() -> None:
    tail = Tail(10)
    assert tail.news("a\nb", last=True) == ["a", "b"]


def test_another_log_begins_anew() -> None:
    tail = Tail(10)
    tail.news("a\nb")
    tail.restart()
    assert tail.news("b\nc\nd") == ["b", "c"]


@given(st.lists(st.lists(st.integers(0, 9), max_size=LOOKED_AT // 2), max_size=8))
def test_every_line_is_told_once_and_in_order(bursts: list[list[int]]) -> None:
    tail, written, told = Tail(LOOKED_AT), [], []
    for number, burst in enumerate(bursts):
        written += [f"{number}:{one}" for one in burst]
        told += tail.news("\n".join(written[-LOOKED_AT:]))
    told += tail.news("\n".join(written[-LOOKED_AT:]))
    assert told == written
