"""Markdown, cut at its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from infrastructure.search.lines import chunks_of
from shared.ledger.chunks import Chunk, Kind

_ATX: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{3,})[ \t]*")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_LONGEST_HEADING: Final = 120


def sections(lines: Sequence[str]) -> list[Chunk]:
    """Return a page's sections, each under its heading below those above it: `Setup > Database`.

    The rules are CommonMark's for ATX and setext headings and for fenced code, in which a `#` is a comment
    (https://spec.commonmark.org/0.31.2/#leaf-blocks).
    """
    found: list[Chunk] = []
    above: list[tuple[int, str]] = []
    first = 0
    for start, level, title in _headings(lines):
        found += chunks_of(lines, first, start - 1, symbol=_path(above), kind=Kind.PROSE)
        above = [one for one in above if one[0] < level] + [(level, title)]
        first = start
    found += chunks_of(lines, first, len(lines) - 1, symbol=_path(above), kind=Kind.PROSE)
    return found


def _headings(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield each heading's line, level and title."""
    fence = ""
    for number, line in enumerate(lines):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif fence:
            continue
        elif heading := _ATX.fullmatch(line):
            yield number, len(heading[1]), _title(heading[2].rstrip().rstrip("#"))
        elif number and (under := _UNDERLINE.fullmatch(line)) and _may_be_title(lines, number - 1):
            yield number - 1, 1 if under[1][0] == "=" else 2, _title(lines[number - 1])


def _may_be_title(lines: Sequence[str], number: int) -> bool:
    """Whether a line is one paragraph by itself, and not a table's row or a list's item."""
    text = lines[number].strip()
    alone = number == 0 or not lines[number - 1].strip()
    return bool(text) and alone and text[0] not in "|-*+>#`~="


def _title(text: str) -> str:
    return text.strip()[:_LONGEST_HEADING]


def _path(above: Sequence[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in above if title)
