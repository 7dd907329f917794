"""So many at once, so many a second."""

from __future__ import annotations

from bot.buckets import Bucket, Buckets


def test_a_bucket_gives_its_burst_then_what_comes_back() -> None:
    now = 0.0
    bucket = Bucket(3, 2, now=lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now += 0.5
    assert [bucket.take(), bucket.take()] == [True, False]


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    now = 0.0
    bucket = Bucket(3, 2, now=lambda: now)
    now += 3600
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_what_one_of_the_clocks_has_room_for_passes() -> None:
    buckets = Buckets(3, 2)
    assert [buckets.take({"here": 0, "there": at}) for at in (0, 1, 2, 3, 4)] == [True] * 5


def test_several_clocks_together_give_no_more_than_one() -> None:
    buckets = Buckets(3, 2)
    # One of them shows whole seconds only, so that each has room at another time.
    passed = sum(buckets.take({"here": tick / 10, "there": tick // 10}) for tick in range(1001))
    assert passed <= 3 + 2 * 100 + 2


def test_a_clock_that_is_set_takes_nothing_away_for_long() -> None:
    buckets = Buckets(3, 2)
    for there in (0, 1_000_000, -1_000_000):
        for _ in range(10):
            buckets.take({"here": 0, "there": there})
    assert [buckets.take({"here": 3.5, "there": 0}) for _ in range(4)] == [True, True, True, False]
