"""Lock files: pinned, hashed packages from an index, and nothing else.

A project's lock is written by whoever wrote the project. Options, addresses
and paths are refused before any installer reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from shared.errors import BadInput
from shared.redaction import Redactor

RUNTIME = "requirements.lock"
"""What runs."""
TESTING = "requirements-test.lock"
"""What tests need."""

LARGEST = 4 * 1024 * 1024
LONGEST_LINE = 128 * 1024
"""Characters of one package with all its hashes; real ones have a tenth of that."""

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
    r"(?:\[[A-Za-z0-9,._ -]+\])?"
    r"==(?P<version>[A-Za-z0-9.!+_-]+)"
    r"(?: ?;[A-Za-z0-9_ .,<>=!'\"()]+)?"
    r"(?P<hashes>(?: --hash=sha256:[0-9a-f]{64})*)"
)
"""Of a line whose blanks are single. Linear in its length, since nobody else runs meanwhile: `re`
holds the interpreter's lock, and a line that takes a minute would silence the worker's heart."""


class BadLock(BadInput):
    """A lock file cannot be used."""

    code = "bad_lock"
    advice = "Write it again with `uv pip compile --universal --generate-hashes`, from an index only."


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock file."""

    name: str
    version: str


def read(file: Path) -> tuple[str, list[Pin]]:
    """Read a lock file.

    Returns:
        Its text, which an installer may read, and its packages.

    Raises:
        BadLock: It is missing, or has a line that is no pinned, hashed package.
    """
    if file.is_symlink() or not file.is_file():
        raise BadLock(f"{file.name} is missing")
    if file.stat().st_size > LARGEST:
        raise BadLock(f"{file.name} has more than {LARGEST >> 20} MiB")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadLock(f"{file.name} is not UTF-8 text") from error
    return text, parse(text, file.name)


def parse(text: str, name: str) -> list[Pin]:
    """Read the content of a lock file.

    Args:
        text: The content.
        name: What messages call it.

    Raises:
        BadLock: It has a line that is no pinned, hashed package.
    """
    return [_pin(line, f"{name}, line {number}") for number, line in _logical_lines(text)]


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Join the lines that a backslash continues, and leave out comments."""
    lines: list[tuple[int, str]] = []
    continued: list[str] = []
    start = 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if not continued:
            if not line or line.startswith("#"):
                continue
            start = number
        continued.append(line.removesuffix("\\"))
        if not line.endswith("\\"):
            lines.append((start, _joined(continued)))
            continued = []
    if continued:
        lines.append((start, _joined(continued)))
    return lines


def _joined(parts: list[str]) -> str:
    """Return the parts as one line whose blanks are single."""
    # Blanks alone: what else an installer may take for the end of a line must stay to be refused.
    return re.sub(" +", " ", " ".join(parts)).strip()


def _pin(line: str, place: str) -> Pin:
    if len(line) > LONGEST_LINE:
        raise BadLock(f"{place} is longer than {LONGEST_LINE >> 10} KiB")
    match = _PIN.fullmatch(line)
    if match is None:
        # An address may have a password in it, which is not to be cut in two before it is left out.
        shown = Redactor().text(line)[:80]
        raise BadLock(f"{place}: {shown!r} is no package pinned with == (no options, addresses or paths)")
    if not match["hashes"]:
        raise BadLock(f"{place}: {match['name']} has no hash")
    return Pin(match["name"], match["version"])
