"""What a hostile program printed, made safe to keep and to show."""

from __future__ import annotations

import codecs
import re

MAX_LINE = 4000
"""Characters of a line that is told as it comes; a longer one is told in pieces."""

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # OSC and the other strings
    r"|\x1b[ -/]*[0-~]"  # the short ones
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f]"  # what is left of C0 and C1
    r"|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what turns the direction of text around it
)


def clean(text: str) -> str:
    """Return text without terminal escapes and control characters, its lines ended by newlines."""
    return _CONTROLS.sub("", _LINE_ENDS.sub("\n", _ESCAPE_SEQUENCES.sub("", text)))


class HeadAndTail:
    """Keeps the beginning and the end of a stream, and counts what is between.

    Args:
        limit: The most bytes to keep.
    """

    def __init__(self, limit: int) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._head_room = limit // 2
        self._tail_room = limit - self._head_room
        self.total = 0
        """Bytes that came."""

    def add(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        self.total += len(data)
        room = self._head_room - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._tail_room:  # not at every call: shifting costs
            self._drop()

    def text(self) -> str:
        """Return what was kept, cleaned, with a line that says how much was left out."""
        self._drop()
        left_out = self.total - len(self._head) - len(self._tail)
        if not left_out:
            return clean((self._head + self._tail).decode(errors="replace"))
        head, tail = (clean(part.decode(errors="replace")) for part in (self._head, self._tail))
        return f"{head}\n[… {left_out} bytes left out …]\n{tail}"

    def _drop(self) -> None:
        if (excess := len(self._tail) - self._tail_room) > 0:
            del self._tail[:excess]


class Lines:
    """Cuts a stream of bytes into clean lines."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def add(self, data: bytes) -> list[str]:
        """Take the next bytes and return the lines that are complete now."""
        # A carriage return at the very end may be half of a line end.
        text = self._rest + self._decoder.decode(data)
        *lines, self._rest = text.replace("\r\n", "\n").split("\n")
        while len(self._rest) > MAX_LINE:
            lines.append(self._rest[:MAX_LINE])
            self._rest = self._rest[MAX_LINE:]
        return _clean_lines(lines)

    def end(self) -> list[str]:
        """Return what is left when the stream has ended."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        return _clean_lines([rest] if rest else [])


def _clean_lines(lines: list[str]) -> list[str]:
    return [
        piece[start : start + MAX_LINE]
        for line in lines
        for piece in clean(line).rstrip("\n").split("\n")
        for start in range(0, max(len(piece), 1), MAX_LINE)
    ]
