"""Text that others wrote, made harmless for a terminal: letters, in the order in which they are read."""

from __future__ import annotations

import unicodedata

from shared.hostile import clean

FIRST_STRONG_ISOLATE = "\u2068"
POP_DIRECTIONAL_ISOLATE = "\u2069"

_RIGHT_TO_LEFT = frozenset({"R", "AL"})


def harmless(text: str) -> str:
    """Return the text without anything that a terminal would obey.

    Args:
        text: Anything; lone surrogates too.

    Returns:
        Lines of visible letters. Escape sequences are gone, other control
        characters are shown as their pictures, directional overrides are gone,
        and a line that reads from right to left cannot turn around its neighbours.
    """
    shown = clean(text, pictured=True)
    return shown if shown.isascii() else "\n".join(_isolated(line) for line in shown.split("\n"))


def one_line(text: str) -> str:
    """Return the text as `harmless` does, on one line."""
    return " ".join(harmless(text).split())


def _isolated(line: str) -> str:
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line):
        return f"{FIRST_STRONG_ISOLATE}{line}{POP_DIRECTIONAL_ISOLATE}"
    return line
