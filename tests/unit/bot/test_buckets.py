"""So many at once, so many a second."""

from __future__ import annotations

from bot.buckets import Bucket


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
