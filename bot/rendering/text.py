"""Text made fit for a chat: clean, nothing in it turned around, counted as Telegram counts."""

from __future__ import annotations

import re
import unicodedata

from wcwidth import iter_graphemes, width

from shared.hostile import clean

__all__ = [
    "clean",
    "cut",
    "fitted",
    "isolated",
    "narrow",
    "one_line",
    "settled",
    "units",
    "visible",
]

ELLIPSIS = "…"

_LETTERS_A_COLUMN = 8
"""Characters that a column of fixed width may be made of, as a flag or a family is.

Measuring takes the square of a row of flags, so that no more than needed is measured.
"""

_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their category, which nobody sees."""

_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"

_RIGHT_TO_LEFT = (
    "\u0590-\u05ff\u0600-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff"
)
"""The blocks of Unicode whose letters run from right to left, without digits."""

_RTL_RUN = re.compile(rf"[{_RIGHT_TO_LEFT}]+(?:(?:[^\w\n]|[\d_])+[{_RIGHT_TO_LEFT}]+)*")
"""Words that belong together: with the blanks, signs and digits between them."""


def units(text: str) -> int:
    """Return the length of a text in UTF-16 code units, in which Telegram counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def one_line(text: str) -> str:
    """Return the text as `clean` does, on one line."""
    return " ".join(clean(text).split())


def isolated(value: str) -> str:
    """Return a clean value so that it cannot turn around what stands beside it."""
    if value.isascii():
        return value
    return "\n".join(_wrapped(line) if _RTL_RUN.search(line) else line for line in value.split("\n"))


def settled(paragraph: str) -> str:
    """Return a clean paragraph of which every line runs as most of its letters do.

    In a sentence of ours a name that runs from right to left is isolated; a
    line that is mostly written so is left as it is, since screens show it well.
    """
    if paragraph.isascii() or not _RTL_RUN.search(paragraph):
        return paragraph
    return "\n".join(_settled(line) for line in paragraph.split("\n"))


def cut(text: str, most: int) -> str:
    """Return as much of the text as fits into some UTF-16 code units, with an ellipsis where it is cut."""
    if units(text) <= most:
        return text
    kept, room = [], most - 1
    for letter in iter_graphemes(text[:most]):
        room -= units(letter)
        if room < 0:
            break
        kept.append(letter)
    return "".join(kept).rstrip() + ELLIPSIS


def fitted(text: str, columns: int) -> str:
    """Return as much of a line as fits into some columns of a fixed width."""
    if narrow(text, columns):
        return text
    kept, room = [], columns - 1
    for letter in iter_graphemes(text[: columns * _LETTERS_A_COLUMN]):
        room -= width(letter)
        if room < 0:
            break
        kept.append(letter)
    return "".join(kept).rstrip() + ELLIPSIS


def narrow(text: str, columns: int) -> bool:
    """Whether a line takes no more than some columns of a fixed width."""
    return len(text) <= columns * _LETTERS_A_COLUMN and width(text) <= columns


def visible(text: str) -> bool:
    """Whether there is anything to see: Telegram refuses a message without."""
    return any(unicodedata.category(letter)[0] not in "CZM" and letter not in _BLANKS for letter in text)


def _settled(line: str) -> str:
    runs = _RTL_RUN.findall(line)
    from_the_right = sum(sum(letter.isalpha() for letter in run) for run in runs)
    from_the_left = sum(letter.isalpha() for letter in line) - from_the_right
    if not runs or from_the_right > from_the_left:
        return line
    return _RTL_RUN.sub(lambda run: _wrapped(run[0]), line)


def _wrapped(run: str) -> str:
    return f"{_FIRST_STRONG_ISOLATE}{run}{_POP_ISOLATE}"
