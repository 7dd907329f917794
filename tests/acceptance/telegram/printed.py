"""Conversations as files that people read: without what differs from run to run."""

from __future__ import annotations

import os
import re
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"

_VARIES = (
    (re.compile(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{40}\b"), "<digest>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"(?<=[Pp]ort[: ] )\d{4,5}|(?<=Port: )\d{4,5}"), "<port>"),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s)\b|\b\d+ min(?: \d+ s)?\b"), "<time>"),
    (re.compile(r"\b\d\d:\d\d(?::\d\d)?(?: UTC)?\b"), "<clock>"),
    (re.compile(r"\b\d{1,2} (?:January|November|December|\w{3}) \d{4}\b|\b20\d\d-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"/\S*/telewright-tests-\S+|/tmp/\S+"), "<path>"),
)


def normalised(text: str) -> str:
    """Put a word in the place of each thing that varies."""
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text


def check_golden(name: str, conversation: str, *, golden: Path = GOLDEN) -> None:
    """Compare a conversation with the one that is kept in a folder; `GOLDEN=write` keeps this one instead."""
    file = golden / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(conversation)
    assert conversation == file.read_text(), f"look at {file.name}; GOLDEN=write keeps what is said now"
