"""What a person wants done, taken apart: a command's name and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Telegram adds the bot's name in groups: /status@telewright_bot hello
_COMMAND = re.compile(r"/(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:@\w+)?(?:\s+(?P<rest>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A command with what was written behind it."""

    name: str
    rest: str = ""

    @property
    def words(self) -> list[str]:
        """What was written behind it, word by word."""
        return self.rest.split()

    def __str__(self) -> str:
        return f"/{self.name} {self.rest}".rstrip()


def parse(text: str) -> Call | None:
    """Take a command apart.

    Returns:
        The call, or nothing when the text does not begin as a command does.
    """
    match = _COMMAND.fullmatch(text.strip())
    if match is None:
        return None
    return Call(match["name"].lower(), (match["rest"] or "").strip())
