"""What a project may be called.

The name becomes a directory, a repository, a host name and a system user's
unit, so that one narrow rule serves them all: it is an RFC 1123 label.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NewType

from shared.errors import BadInput

ProjectName = NewType("ProjectName", str)
"""A name that was checked by `project_name`."""

LONGEST = 40
RULE = "3 to 40 of a-z, 0-9 and single hyphens, beginning with a letter and not ending with a hyphen"

RESERVED = frozenset(
    {
        "admin", "api", "archived", "backup", "caddy", "con", "default", "git", "host", "local",
        "localhost", "node-modules", "none", "null", "postgres", "proxy", "python", "releases", "root",
        "secrets", "supervisor", "system", "telewright", "test", "tests", "tmp", "true", "undefined", "valkey",
        "www",
    }
)  # fmt: skip
"""Names that a server, a tool or Telewright itself already uses for something else."""

_NAME = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")


class BadName(BadInput):
    """This cannot be the name of a project."""

    code = "bad_name"
    advice = "Choose another name and send it again; nothing was changed."


def project_name(text: str) -> ProjectName:
    """Check a project's name.

    Args:
        text: What a person wrote.

    Returns:
        The same text, if it follows the rule.

    Raises:
        BadName: It does not; the message says why, and what would, where that can be guessed.
    """
    if fault := _fault(text):
        suggestion = suggested_name(text)
        hint = f" Try {suggestion}." if suggestion else ""
        raise BadName(f"{_shown(text)} cannot be a project's name: {fault}.{hint}")
    return ProjectName(text)


def suggested_name(text: str) -> ProjectName | None:
    """Return the nearest name that would do, or None if little of the text could be kept."""
    plain = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    name = re.sub(r"^[0-9-]+", "", words)[:LONGEST].strip("-")
    if name in RESERVED:
        name = f"my-{name}"
    return ProjectName(name) if name != text and _fault(name) is None else None


def _fault(text: str) -> str | None:
    if text in RESERVED:
        return "it is reserved"
    if "--" in text and _NAME.fullmatch(text):
        return "two hyphens in a row are not allowed"
    if _NAME.fullmatch(text):
        return None
    return f"a name has {RULE}"


def _shown(text: str) -> str:
    """Quote a text for a message: short, on one line, and unable to turn the line around."""
    if not text.strip():
        return "An empty text"
    visible = "".join(
        character if character.isprintable() and not _turns_around(character) else "�"
        for character in text[: LONGEST + 1]
    )
    return f"“{visible[:LONGEST]}{'…' if len(visible) > LONGEST else ''}”"


def _turns_around(character: str) -> bool:
    return unicodedata.bidirectional(character) in {
        "RLE",
        "LRE",
        "RLO",
        "LRO",
        "PDF",
        "RLI",
        "LRI",
        "FSI",
        "PDI",
    }
