"""Text that others wrote, made harmless for a terminal.

Test output, names, descriptions and logs are written by whoever wants to. On a
terminal they could move the cursor, change its title, answer in a person's
stead (https://www.cve.org/CVERecord?id=CVE-2003-0063) or turn the order of
what is read around (https://trojansource.codes). Here they are only letters.
"""

from __future__ import annotations

import re
import unicodedata

TAB = 4
"""Columns that a tab becomes: terminals disagree on tab stops inside of an indented block."""

MOST_MARKS = 3
"""Combining marks on one letter that are kept; towers of them reach into other lines."""

FIRST_STRONG_ISOLATE = "\u2068"
POP_DIRECTIONAL_ISOLATE = "\u2069"

_JOINERS = "\u200c\u200d"
"""Needed by Persian and Indic scripts and by composed emoji, and harmless."""

# ECMA-48: CSI, then OSC/DCS/SOS/PM/APC with their ends, then any other escape; in their 8-bit forms as well.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
_LINE_END = re.compile(r"\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_SUSPECT = re.compile(r"[^\n -~]")
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
    text = _LINE_END.sub("\n", _SEQUENCE.sub("", text)).replace("\t", " " * TAB)
    if not _SUSPECT.search(text):
        return text
    return "\n".join(_isolated(_visible(line)) for line in text.split("\n"))


def one_line(text: str) -> str:
    """Return the text as `harmless` does, on one line."""
    return " ".join(harmless(text).split())


def _visible(line: str) -> str:
    letters: list[str] = []
    marks = 0
    for letter in line:
        category = unicodedata.category(letter)
        marks = marks + 1 if category.startswith("M") else 0
        if marks <= MOST_MARKS:
            letters.append(_picture(letter, category))
    return "".join(letters)


def _picture(letter: str, category: str) -> str:
    if category == "Cc":
        code = ord(letter)
        return chr(0x2400 + code) if code < 0x20 else "\u2421" if code == 0x7F else "\ufffd"
    if category == "Cs":
        return "\ufffd"
    if category == "Cf":
        return letter if letter in _JOINERS else ""
    return letter


def _isolated(line: str) -> str:
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in line):
        return f"{FIRST_STRONG_ISOLATE}{line}{POP_DIRECTIONAL_ISOLATE}"
    return line
