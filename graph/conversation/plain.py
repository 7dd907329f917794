"""Plain text: anything a person or a program wrote, made fit to be stored and nothing more."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL's JSON refuses: NUL, and halves of UTF-16 pairs."""


def storable(text: object) -> object:
    """Replace the characters that PostgreSQL refuses by U+FFFD; markup, emoji and direction stay."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text) if isinstance(text, str) else text


PlainText = Annotated[str, BeforeValidator(storable)]
