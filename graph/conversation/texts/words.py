"""How times, durations and lists are said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a length of time in words, as exact as a person needs it: `0.4 s`, `3 min 5 s`, `2 days`."""
    if not math.isfinite(seconds):
        return "a while"
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, (_MINUTE, "min"), (1, "s"))
    if whole < _DAY:
        return _two(whole, (_HOUR, "h"), (_MINUTE, "min"))
    days = whole // _DAY
    return "1 day" if days == 1 else f"{days} days"


def since(then: datetime, now: datetime | None = None) -> str:
    """Return how long ago something was; never negative, whatever two clocks say."""
    return duration(max(0.0, ((now or datetime.now(UTC)) - then).total_seconds()))


def clock(then: datetime) -> str:
    """Return a point in time for people, in UTC."""
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Return `a, b and c`."""
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def either(items: Sequence[str]) -> str:
    """Return `a, b or c`."""
    return listed(items, "or")


def paragraph(*sentences: str) -> str:
    """Return whole sentences one behind the other, without those that are empty."""
    return " ".join(sentence for sentence in sentences if sentence)


def plural(number: int, one: str, more: str) -> str:
    """Return what a number asks for: the one place that knows how many forms the language has."""
    return one if number == 1 else more


def sized(size: int) -> str:
    """Return a number of bytes as people say it: `870 bytes`, `3.1 kB`, `2.0 MB`, `1.2 GB`."""
    if size < 1000:
        return plural(size, f"{size} byte", f"{size} bytes")
    if size < 999_950:
        return f"{size / 1000:.1f} kB"
    return f"{size / 1_000_000:.1f} MB" if size < 999_950_000 else f"{size / 1_000_000_000:.1f} GB"


def capitalised(text: str) -> str:
    """Return the text with its first letter large, and nothing else changed."""
    return text[:1].upper() + text[1:]


def step_name(step: str) -> str:
    """Return a node's name as people say it."""
    return step.replace("_", " ")


def _two(whole: int, large: tuple[int, str], small: tuple[int, str]) -> str:
    first, rest = divmod(whole, large[0])
    second = rest // small[0]
    return f"{first} {large[1]} {second} {small[1]}" if second else f"{first} {large[1]}"
