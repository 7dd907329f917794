"""Periodic work, and who holds which lock."""

from __future__ import annotations

from typing import Final

NOTHING_HELD: Final = "Nothing is held."
HELD: Final = "Held now:"
HELD_COLUMNS: Final = ("lock", "holder", "for")

JOBS: Final = "Periodic jobs, as they went last:"
JOB_COLUMNS: Final = ("job", "begun", "outcome", "took")
RUNS: Final = "runs"
"""The outcome of a job that has begun and not ended."""


def ago(how_long: str) -> str:
    """Say when a job was begun."""
    return f"{how_long} ago"


def seconds(number: float) -> str:
    """Say how long a job took."""
    return f"{number:.1f} s"


def went_wrong(outcome: str, error: str, *, times: int, again_after: str | None) -> str:
    """Say how a job failed, how often in a row, and how long it is left alone."""
    in_a_row = f", {times} times in a row" if times > 1 else ""
    again = f"; again after {again_after}" if again_after else ""
    return f"{outcome}{in_a_row}: {error}{again}"
