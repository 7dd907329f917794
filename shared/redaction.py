"""Leaves secrets out of whatever is about to be written down.

Three nets, each for what the others miss: names of keys, forms of tokens, and the exact
values that this process knows to be secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

REMOVED = "[redacted]"

SHORTEST_KNOWN = 6
"""Shorter values would blank out innocent text everywhere."""

DEEPEST = 12
"""Levels of nesting looked into; what lies deeper is left out as a whole."""

SECRET_KEY = re.compile(
    r"(?:password|passwd|passphrase"
    r"|(?:^|[_\-.])(?:pwd|secrets?|token|api[_-]?key|private[_-]?key|access[_-]?key|authorization"
    r"|cookie|credentials?|database[_-]?url|redis[_-]?url|dsn|conninfo))$",
    re.IGNORECASE,
)
INNOCENT_KEY = re.compile(r"claim[_-]token|token[_-]count", re.IGNORECASE)
"""A fencing token is a number that one looks for in the log."""

# Each takes a time that grows with the text: services write what is looked through here.
FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<!\d)\d{6,}:[A-Za-z0-9_-]{30,}"), REMOVED),  # Telegram bot tokens, in URLs as well
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"), REMOVED),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"), REMOVED),  # model providers
    (re.compile(r"\bAGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+", re.IGNORECASE), REMOVED),
    (re.compile(r"\beyJ[\w-]{8,2000}\.[\w-]{8,}\.[\w-]+"), REMOVED),  # JSON Web Tokens
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        REMOVED,
    ),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {REMOVED}"),
    # The password of a URL, up to the last @ before the path: passwords are often not escaped.
    (re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s:/?#@]*):[^\s/]+@", re.IGNORECASE), rf"\1:{REMOVED}@"),
    (re.compile(r"(\bpassword\s*=\s*)(?:'[^']*'|\"[^\"]*\"|[^\s&'\"]+)", re.IGNORECASE), rf"\1{REMOVED}"),
)


class Redactor:
    """Knows the secret values of one process, and every secret's usual forms."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Make a redactor.

        Args:
            known: Exact values that must not be written; the very short ones are not looked for.
        """
        self._known: re.Pattern[str] | None = None
        self._values: set[str] = set()
        self.register(*known)

    def register(self, *values: str) -> None:
        """Add values that this process has come to know, such as one just read from a SOPS file."""
        self._values |= {value for value in values if len(value) >= SHORTEST_KNOWN}
        # The longest first, so that a value which contains another goes as a whole.
        ordered = sorted(self._values, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str, *, lines_kept: bool = False) -> str:
        """Return the text without secrets.

        Args:
            text: Anything.
            lines_kept: Whether a secret of several lines leaves as many, so that those below keep their numbers.
        """
        if self._known is not None:
            text = _without(self._known, REMOVED, text, lines_kept=lines_kept)
        for form, instead in FORMS:
            text = _without(form, instead, text, lines_kept=lines_kept)
        return text

    def value(self, value: Any, *, depth: int = 0) -> Any:  # noqa: ANN401
        """Return a JSON-like value without secrets; other objects by their text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth > DEEPEST:
            return REMOVED
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._item(str(key), inner, depth) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(inner, depth=depth + 1) for inner in value]
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        return self.text(value if isinstance(value, str) else str(value))

    def _item(self, key: str, value: Any, depth: int) -> Any:  # noqa: ANN401
        if value is not None and SECRET_KEY.search(key) and not INNOCENT_KEY.fullmatch(key):
            return REMOVED
        return self.value(value, depth=depth + 1)


def _without(form: re.Pattern[str], instead: str, text: str, *, lines_kept: bool) -> str:
    if not lines_kept:
        return form.sub(instead, text)

    def of_as_many_lines(found: re.Match[str]) -> str:
        left = found.expand(instead)
        return left + "\n" * (found[0].count("\n") - left.count("\n"))

    return form.sub(of_as_many_lines, text)
