"""Text that others wrote, made harmless for whatever shows it: letters and line ends, and nothing that steers.

Test output, names, descriptions and logs are written by whoever wants to. On a
terminal they could move the cursor, change its title or answer in a person's
stead (https://www.cve.org/CVERecord?id=CVE-2003-0063); anywhere they could turn
the order of what is read around (https://trojansource.codes).

What runs from right to left is each front's to set, since only it knows what stands beside it.
"""

from __future__ import annotations

import re
import unicodedata

TAB = 4
"""Columns that a tab becomes: screens disagree on tab stops, and Telegram makes it one space."""

MOST_MARKS = 3
"""Combining marks on one letter that are kept; towers of them reach into other lines."""

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


def clean(text: str, *, pictured: bool = False) -> str:
    """Return lines of visible letters.

    Args:
        text: Anything; lone surrogates too.
        pictured: Whether control characters are shown as their pictures; else they are left out.
    """
    text = _LINE_END.sub("\n", _SEQUENCE.sub("", text)).expandtabs(TAB)
    return _without_steering(text, pictured=pictured) if _SUSPECT.search(text) else text


def _without_steering(text: str, *, pictured: bool) -> str:
    letters: list[str] = []
    marks = 0
    for letter in text:
        category = unicodedata.category(letter)
        marks = marks + 1 if category[0] == "M" else 0
        if marks <= MOST_MARKS:
            letters.append(_shown(letter, category, pictured=pictured))
    return "".join(letters)


def _shown(letter: str, category: str, *, pictured: bool) -> str:
    match category:
        case "Cs":
            return "\N{REPLACEMENT CHARACTER}"
        case "Cc" if letter != "\n":
            return _picture(ord(letter)) if pictured else ""
        case "Cf":
            return letter if letter in _JOINERS else ""
        case _:
            return letter


def _picture(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
