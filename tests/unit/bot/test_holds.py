"""Who has to wait, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from bot.holds import Holds


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def holds(clock: Clock) -> Holds:
    return Holds(clock=clock, jitter=lambda: 1.0)


def test_a_chat_waits_as_long_as_it_was_told_and_others_do_not(holds: Holds, clock: Clock) -> None:
    holds.flooded(1, 5)
    assert not holds.free(1)
    assert holds.free(2)
    assert holds.soonest() == 5
    clock.now = 5
    assert holds.free(1)
    assert holds.ended() == {1}
    assert holds.ended() == set()
    assert holds.soonest() == math.inf


def test_a_shorter_wait_does_not_end_a_longer_one(holds: Holds) -> None:
    holds.hold(1, 60)
    holds.hold(1, 1)
    assert holds.soonest() == 60


def test_a_limit_that_hits_several_chats_at_once_is_everybodys(holds: Holds, clock: Clock) -> None:
    assert not holds.flooded(1, 3)
    assert not holds.flooded(2, 3)
    assert holds.free(4)
    assert holds.flooded(3, 3)
    assert not holds.free(4)
    clock.now = 3
    assert holds.free(4)


def test_limits_of_chats_one_after_the_other_are_their_own(holds: Holds, clock: Clock) -> None:
    for chat_id in range(10):
        clock.now += 1
        assert not holds.flooded(chat_id, 30)


def test_failures_let_wait_longer_each_time_up_to_a_minute(holds: Holds) -> None:
    waits = [holds.failed(1) for _ in range(10)]
    assert waits[:3] == [0.5, 1, 2]
    assert waits[-1] == 60
    assert holds.failing(1)
    holds.succeeded(1)
    assert not holds.failing(1)
    assert holds.failed(1) == 0.5
