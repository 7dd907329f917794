"""The log of a service: its last lines, and following it."""

from __future__ import annotations

from typing import Final

from graph.conversation.texts.words import plural

# -- The last lines ---------------------------------------------------------------------------------

FEWER_BUTTON: Final = "Fewer lines"


def last_lines(number: int, project: str) -> str:
    """Begin the last lines of a log."""
    return plural(number, f"The last {number} line of {project}:", f"The last {number} lines of {project}:")


def written_nothing(project: str) -> str:
    """Say that a service has written nothing."""
    return f"{project} has written nothing yet."


def not_read(project: str) -> str:
    """Say that a log was not read."""
    return f"The logs of {project} were not read. Ask again."


# -- Following --------------------------------------------------------------------------------------

STOP_BUTTON: Final = "Stop"
LAST_LINES: Final = "The last lines:"
NONE_FOLLOWED: Final = "No log is followed here."


def begun(project: str, most: str) -> str:
    """Begin what is shown as it grows."""
    return f"The log of {project}, as it is written, for at most {most}:"


def deployed(project: str, commit: str) -> str:
    """Return the line between what two releases have written."""
    return f"— {project} was deployed: from here on commit {commit} —"


def ended(project: str, why: str) -> str:
    """Say that a log is not followed any more; `why` is one of the sentences below."""
    return f"The log of {project} is not followed any more. {why}"


STOPPED_BY_SOMEBODY: Final = "Somebody stopped it."


def stopped_by(name: str) -> str:
    """Say who has ended it."""
    return f"{name} stopped it."


def let_go(who: str) -> str:
    """Say that whoever followed it is a stranger now."""
    return f"{who} is not let in any more."


def left_behind(project: str) -> str:
    """Say that the program that showed it is no more."""
    return f"What showed it was closed or started again. To go on, write /logs {project} follow"


def failed(project: str) -> str:
    """Say that it could not be shown any more."""
    return f"Something went wrong on my side. To go on, write /logs {project} follow"


def followed_long_enough(most: str, project: str) -> str:
    """Say that it was followed for as long as one may."""
    return f"It was followed for {most}. To go on, write /logs {project} follow"


def server_unread(error: str) -> str:
    """Say that a server does not answer."""
    return f"Its server cannot be read: {error}"


def service_stopped(project: str) -> str:
    """Say that nothing is written any more."""
    return f"{project} was stopped."


def service_gone(project: str) -> str:
    """Say that there is nothing that could write."""
    return f"{project} is not on its server any more."


# -- What cannot be followed ------------------------------------------------------------------------


def does_not_run(project: str) -> str:
    """Say that there is nothing to follow."""
    return f"{project} does not run: nothing is written that could be followed."


def see_last_lines(project: str) -> str:
    """Say what can be done about a service that does not run."""
    return f"See what it wrote last with /logs {project}, or start it with /start {project}"


def followed_already(project: str) -> str:
    """Say that one log at a time is followed."""
    return f"The log of {project} is followed here already, and one at a time is."


def to_end(project: str) -> str:
    """Say how following ends."""
    return f"/logs {project} stop ends that."
