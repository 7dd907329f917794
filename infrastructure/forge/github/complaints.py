"""What git says when it could not talk to GitHub, and what it means.

git has no codes for this; GitHub's own lines come after `remote:`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from infrastructure.forge.github.answers import SECONDARY_PAUSE
from infrastructure.forge.github.errors import (
    Archived,
    BadCredentials,
    GitHubError,
    GitHubUnavailable,
    Gone,
    MissingRight,
    RateLimited,
)

_REFUSED = re.compile(r"\[(?:remote )?rejected\]|GH\d{3}|pre-receive hook declined")
_WORKFLOW = re.compile(r"without [`'\"]?workflows?[`'\"]? (?:scope|permission)")
_STATUS = re.compile(r"(?:returned error|HTTP code|HTTP):? ?(?:= ?)?(\d{3})")
_NO_CREDENTIALS = ("authentication failed", "could not read username", "could not read password")


def meaning(complaint: str) -> GitHubError:
    """Return the error that says to people what git has complained about.

    Args:
        complaint: git's, on one line and without secrets.
    """
    lower = complaint.lower()
    if any(words in lower for words in _NO_CREDENTIALS):
        return BadCredentials()
    if "archived" in lower and "read-only" in lower:
        return Archived()
    if _WORKFLOW.search(complaint):
        return MissingRight(
            "GitHub takes changes to .github/workflows only with the permission workflows: write "
            "(a classic token: the scope workflow)"
        )
    if "repository not found" in lower:
        return Gone()
    if _REFUSED.search(complaint):
        return GitHubError(f"GitHub refuses the push: {complaint}")
    status = _STATUS.search(complaint)
    return _of_status(int(status[1]) if status else None, complaint)


def _of_status(status: int | None, complaint: str) -> GitHubError:
    match status:
        case 401:
            return BadCredentials()
        case 403:
            return MissingRight(
                f"GitHub does not let us write there; it takes the permission contents: write ({complaint})"
            )
        case 404:
            return Gone()
        case 429:
            return RateLimited(until=datetime.now(UTC) + SECONDARY_PAUSE)
        case _:
            return GitHubUnavailable(f"git cannot talk to GitHub: {complaint}")
