"""Runs of lines as chunks, long ones divided where it hurts least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shared.ledger.chunks import Chunk, Kind

MOST_LINES: Final = 60
MOST_CHARACTERS: Final = 3000
_LONGEST_LINE: Final = 1000
"""What a line has beyond is data; nobody looks for it by words."""


def chunks_of(
    lines: Sequence[str], first: int, last: int, *, symbol: str = "", kind: Kind = Kind.CODE
) -> Iterator[Chunk]:
    """Yield the lines from `first` up to `last`, both counted from 0, as one chunk or several.

    Nothing comes of lines without a letter or digit, such as closing brackets.
    """
    while first <= last:
        end = _end(lines, first, last)
        content = "\n".join(line[:_LONGEST_LINE] for line in lines[first : end + 1])
        if any(letter.isalnum() for letter in content):
            yield Chunk(symbol, kind, first + 1, end + 1, content)
        first = end + 1


def _end(lines: Sequence[str], first: int, last: int) -> int:
    """Return the last line of the chunk that begins here: the emptiest in its second half, when it must end early."""
    size, end = 0, first
    while end <= last and end - first < MOST_LINES:
        size += min(len(lines[end]), _LONGEST_LINE) + 1
        if size > MOST_CHARACTERS and end > first:
            break
        end += 1
    if end > last:
        return last
    half = first + (end - first) // 2
    blank = [number for number in range(half, end) if not lines[number].strip()]
    return blank[-1] if blank else end - 1
