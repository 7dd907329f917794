"""What was written to a log since it was looked at last, found in one look at its end after the other."""

from __future__ import annotations

import re

LEFT_OUT = "…"
"""Stands for lines that came and went between two looks."""

_PROCESS = re.compile(r"\[([\w.-]{1,60})\]")
"""Before the lines of one process, where a service has several."""


class Tail:
    """Follows the end of a log; keeps no more of it than the last look saw.

    The last line may be half written, and half a secret cannot be hidden: such a line counts
    when another stands behind it, or when two looks have seen the same.
    """

    def __init__(self, beginning: int) -> None:
        """Begin before the first look.

        Args:
            beginning: How many lines of what was written before are told, of each process.
        """
        self._beginning: int | None = beginning
        """None after the first look."""
        self._looked: dict[str, list[str]] = {}
        """All lines of the last look, by process."""
        self._told: dict[str, list[str]] = {}
        """Those of them that are told."""

    def news(self, text: str, *, last: bool = False) -> list[str]:
        """Return the lines that are new in a look at the log's end.

        Args:
            text: The end of the log.
            last: Whether nobody writes there any more.
        """
        looked = _by_process(text)
        news: list[str] = []
        for process, lines in looked.items():
            whole = last or lines == self._looked.get(process)
            told = lines if whole else lines[:-1]
            added = self._added(process, told)
            news.extend(f"[{process}] {line}" if process else line for line in added)
            self._told[process] = told
        self._looked, self._beginning = looked, None
        return news

    def restart(self) -> None:
        """Take the next look for another log's: all of it is new."""
        self._looked, self._told = {}, {}

    def _added(self, process: str, lines: list[str]) -> list[str]:
        if self._beginning is not None:
            return lines[-self._beginning :]
        known = self._told.get(process, [])
        for gone in range(len(known)):
            kept = known[gone:]
            if lines[: len(kept)] == kept:
                return lines[len(kept) :]
        return [LEFT_OUT, *lines] if known and lines else lines


def _by_process(text: str) -> dict[str, list[str]]:
    lines = text.splitlines()
    if not lines or not _PROCESS.fullmatch(lines[0]):
        return {"": lines} if lines else {}
    found: dict[str, list[str]] = {}
    process = ""
    for line in lines:
        if match := _PROCESS.fullmatch(line):
            process = match[1]
        found.setdefault(process, []).extend([] if match else [line])
    return found
