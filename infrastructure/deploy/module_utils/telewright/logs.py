"""The end of what an instance wrote, without the secrets it was given.

A secret is hidden before anything is cut, so that no half of one is left: what lies at the
edge of what is read is read whole or left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from . import instances
from .places import ProjectPlace

READ_BYTES = 256 * 1024
"""Of the end of one process's log."""
LONGEST_LINE = 4000
"""Characters of one line. The control side, which knows other secrets by their form, makes it shorter."""
SHORTEST_SECRET = 4
"""Shorter values are not hidden: they would hide half of every word."""
HIDDEN = "***"


def tail(place: ProjectPlace, instance: str, *, lines: int) -> str:
    """Return the last lines an instance wrote: safe to show, process by process."""
    secrets = instances.secrets(place, instance)
    if secrets is None:
        return ""
    parts = []
    logs = sorted(place.logs.glob(f"{instance}.*.log"))
    for log in logs:
        text = "\n".join(_last_lines(log, lines, secrets))
        name = log.name.removeprefix(f"{instance}.").removesuffix(".log")
        parts.append(f"[{name}]\n{text}" if len(logs) > 1 else text)
    return "\n".join(parts)


def _last_lines(log: Path, lines: int, secrets: Sequence[str]) -> list[str]:
    text = _hidden(_end_of(log), secrets)
    return [_printable(line)[:LONGEST_LINE] for line in text.splitlines()[-lines:]]


def _end_of(log: Path) -> str:
    """Return the end of a log, from the beginning of a line on."""
    content = _last_bytes(log, READ_BYTES)
    # supervisord turns a log over at any byte: the line that this one begins with began there.
    content = _last_bytes(log.with_name(f"{log.name}.1"), READ_BYTES - len(content)) + content
    text = content.decode("utf-8", errors="replace")
    if len(content) < READ_BYTES:
        return text
    # A secret has no line feed; all else that ends a line may be part of one.
    _, line_feed, whole = text.partition("\n")
    return whole if line_feed else f"(a line of more than {READ_BYTES >> 10} KiB)"


def _last_bytes(file: Path, most: int) -> bytes:
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - most))
            return stream.read(most)
    except FileNotFoundError:
        return b""


def _hidden(text: str, secrets: Sequence[str]) -> str:
    # The longest first, so that one which contains another goes as a whole.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line)
