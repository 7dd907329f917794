"""The reference of commands, written from the list of commands: `python -m graph.conversation.reference`."""

from __future__ import annotations

import sys

from graph.conversation import texts
from graph.conversation.commands import COMMANDS, Command
from graph.conversation.messages import LONGEST_TEXT


def markdown() -> str:
    """Return the page."""
    return f"{texts.reference.head(LONGEST_TEXT // 1024)}{''.join(_row(command) for command in COMMANDS)}{texts.reference.PLAIN_TEXT}"


def _row(command: Command) -> str:
    usage = command.usage.replace("|", "\\|")
    example = f"`{command.example}`" if command.example else ""
    return f"| `{usage}` | {command.summary} | {command.role} | {example} |\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
