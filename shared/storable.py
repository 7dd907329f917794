"""What other people's programs said, as PostgreSQL can store it.

Test output, logs and error messages may hold NUL characters and lone
surrogates, which neither `text` nor `jsonb` take.
"""

from __future__ import annotations

import json
import re
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

REFUSED = (
    psycopg.DataError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.CardinalityViolation,
)
"""How it shows that PostgreSQL does not take what it is given, and will not the next time."""

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_NUL = re.compile(r"(\\\\)|\\u0000")
"""A NUL character as JSON writes it, but not what somebody wrote who typed a backslash, a u and zeros."""


def storable(text: str) -> str:
    """Return the text with what cannot be stored replaced."""
    return text.replace("\0", _REPLACEMENT).encode("utf-8", "replace").decode("utf-8")


def storable_json(value: Any) -> Jsonb:  # noqa: ANN401 - JSON may be anything
    """Return the value as a parameter for a `jsonb` column, with what cannot be stored replaced."""
    return Jsonb(value, dumps=_dumps)


def _dumps(value: Any) -> bytes:  # noqa: ANN401
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _NUL.sub(lambda match: match[1] or _REPLACEMENT, text).encode("utf-8", "replace")
