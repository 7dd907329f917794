"""The open issues of a project's repository."""

from __future__ import annotations

from typing import Final

from graph.conversation.texts.words import plural

COLUMNS: Final = ("issue", "title", "labels", "opened")
ALL_OF_THEM: Final = "All open issues"


def open_ones(number: int, project: str) -> str:
    """Begin the list of all open issues."""
    return plural(
        number, f"{project} has 1 open issue:", f"{project} has {number} open issues, the newest first:"
    )


def newest(number: int, project: str, more: int) -> str:
    """Begin the list of the newest open issues."""
    return plural(
        more,
        f"The newest {number} open issues of {project}, and 1 more is open:",
        f"The newest {number} open issues of {project}, and {more} more are open:",
    )


def behind_pull_requests(project: str, number: int) -> str:
    """Say that there are issues that were not found, since so much else is newer."""
    return plural(
        number,
        f"{project} has 1 open issue, and so many newer pull requests that I did not get to it.",
        f"{project} has {number} open issues, and so many newer pull requests that I did not get to them.",
    )


def opened(how_long: str, author: str) -> str:
    """Say when an issue was opened, and who did."""
    return f"{how_long} ago by {author}"


def more_labels(number: int) -> str:
    """Say, as the last of a list, how many labels are not named."""
    return f"{number} more"


def none_open(project: str) -> str:
    """Say that there is none."""
    return f"{project} has no open issues."


# -- Why there is nothing to be read ----------------------------------------------------------------


def no_repository(project: str) -> str:
    """Say that nothing was published yet."""
    return f"{project} has no repository yet, and so no issues: its build did not get that far."


def kept_here(project: str) -> str:
    """Say that a repository on this machine has no issues."""
    return f"{project} is kept on this machine, and has no issues: only repositories on GitHub have."


def not_connected(project: str) -> str:
    """Say that GitHub cannot be asked."""
    return (
        f"The issues of {project} are on GitHub, which is not set up here. Ask the owner to connect it again."
    )


def not_read(project: str) -> str:
    """Say that they were not read."""
    return f"The issues of {project} were not read. Ask again."
