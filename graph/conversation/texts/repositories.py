"""What the sync with GitHub knows of a project's repository."""

from __future__ import annotations

from typing import Final

from graph.conversation.texts.words import plural

REPOSITORY: Final = "repository"
HEAD: Final = "head"
CHECKS: Final = "checks"
PULL_REQUESTS: Final = "pull requests"
GITHUB: Final = "GitHub"


def gone(name: str, how_long: str) -> str:
    """Say that a repository is not there any more."""
    return f"{name} is not on GitHub any more, since {how_long}"


def archived(name: str) -> str:
    """Name a repository that is archived."""
    return f"{name}, archived"


def pull_request(number: int, title: str) -> str:
    """Name a pull request."""
    return f"{number} ({title})"


def more(number: int) -> str:
    """Say, as the last of a list, how many are not named."""
    return f"{number} more"


def no_commit(branch: str) -> str:
    """Say that a branch has no commit."""
    return f"{branch} has no commit"


def head(branch: str, commit: str) -> str:
    """Say where a branch is."""
    return f"{branch} at {commit}"


def head_pushed(branch: str, commit: str, how_long: str) -> str:
    """Say where a branch is, and since when."""
    return f"{branch} at {commit}, pushed to {how_long} ago"


def red(checks: str) -> str:
    """Say which checks have failed."""
    return f"{checks} red"


def pending(checks: str) -> str:
    """Say which checks are not done."""
    return f"{checks} pending"


def green(number: int) -> str:
    """Say how many checks are well."""
    return plural(number, f"{number} check green", f"{number} checks green")


def looked_at(how_long: str) -> str:
    """Say when GitHub was looked at last."""
    return f"GitHub was looked at {how_long} ago."


def not_looked_at(error: str, looked_at: str) -> str:
    """Say why GitHub could not be looked at; `looked_at` is the sentence about the last time."""
    return f"{error}. {looked_at}"
