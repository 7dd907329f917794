"""Runs: their titles, starting and stopping them, and where each stands when it is asked."""

from __future__ import annotations

from typing import Final

# -- Titles, as they are kept with a run ------------------------------------------------------------


def build_title(name: str) -> str:
    """Name the building of a project."""
    return f"Build {name}"


def build_unnamed_title(blueprint: str) -> str:
    """Name the building of a project that has no name yet."""
    return f"Build a {blueprint}"


def deploy_title(project: str) -> str:
    """Name the deploying of a project's newest code."""
    return f"Deploy {project}"


def deploy_release_title(project: str, release: int) -> str:
    """Name the deploying of a release."""
    return f"Deploy release {release} of {project}"


def roll_back_title(project: str) -> str:
    """Name the going back to the release before."""
    return f"Roll back {project}"


def roll_back_to_title(project: str, release: int) -> str:
    """Name the going back to a release."""
    return f"Roll back {project} to release {release}"


def stop_title(project: str) -> str:
    """Name the stopping of a service."""
    return f"Stop {project}"


def start_title(project: str) -> str:
    """Name the starting of a service."""
    return f"Start {project}"


def restart_title(project: str) -> str:
    """Name the restarting of a service."""
    return f"Restart {project}"


def remove_title(project: str) -> str:
    """Name the removing of a project."""
    return f"Remove {project}"


# -- Starting ---------------------------------------------------------------------------------------


def queued(number: int, title: str) -> str:
    """Say that a run is accepted."""
    return f"Run {number} is queued: {title}."


def gets(files: str) -> str:
    """Say which files a run is given."""
    return f"It gets {files}."


def stands_behind(number: int, title: str) -> str:
    """Say which run goes first."""
    return f"It stands behind run {number} ({title}), which works on the same project."


def only_a_project(command: str) -> str:
    """Say that a command was given too many words."""
    return f"/{command} takes the name of a project and nothing else."


ONLY_A_RELEASE: Final = "A project and the number of a release, and nothing else."


def not_a_number(word: str) -> str:
    """Say that a word is no number of a run, a release or lines."""
    return f"“{word}” is not a number."


# -- Cancelling -------------------------------------------------------------------------------------

NOTHING_TO_CANCEL: Final = "Nothing is being worked on here, so there is nothing to cancel."
WHICH_TO_CANCEL: Final = "Which run shall be cancelled?"
CANCELLED_AT_ONCE: Final = "Done."


def cancel_button(number: int, title: str) -> str:
    """Return the label of a button that cancels one of several runs."""
    return f"Run {number}: {title}"


def told_to_stop(number: int, title: str) -> str:
    """Say that a run will stop."""
    return f"Run {number}, {title}, is told to stop, and will in a moment."


def is_over(number: int, title: str, how: str) -> str:
    """Say that a run has ended before; `how` is said by one of those that begin with “it”, below."""
    return f"Run {number}, {title}, is over: {how}"


# -- Lists ------------------------------------------------------------------------------------------

NOTHING_STARTED: Final = "Nothing has been started here yet. /help says how."
NOTHING_UNDER_WAY: Final = "Nothing is being worked on here."
NEWEST: Final = "The newest runs of this conversation:"
COLUMNS: Final = ("run", "what", "state", "asked for")


def ago(how_long: str) -> str:
    """Say when a run was asked for."""
    return f"{how_long} ago"


# -- Where a run stands: what follows its name and a colon ------------------------------------------

ITS_LAST_LINES: Final = "Its last lines:"


def stands(number: int, title: str, state: str) -> str:
    """Say where a run stands; `state` is said by one of the following."""
    return f"Run {number}, {title}: {state}"


IT_WAS_ANSWERED: Final = "it was answered, and the next free worker goes on with it."


def it_is_queued(how_long: str) -> str:
    """Say that no worker has taken a run up yet."""
    return f"it is queued, for {how_long}: the next free worker takes it."


def it_waits_behind(number: int, title: str) -> str:
    """Say which run goes first."""
    return f"it waits behind run {number} ({title}), which works on the same project."


def it_pauses(clock: str, reason: str) -> str:
    """Say until when a run pauses."""
    return f"it pauses until {clock}: {reason}"


def it_waits_for(questions: str) -> str:
    """Say what a run has asked."""
    return f"it waits for an answer: {questions}"


def question_since(title: str, whose: str, how_long: str) -> str:
    """Name a question that a run waits with."""
    return f"{title} (for {whose}, since {how_long})"


def it_works(*, step: str | None, how_long: str | None, is_to_stop: bool, waits: str | None) -> str:
    """Say what a run is doing.

    Args:
        step: What it is at, if that is known.
        how_long: How long it has been at that, or been working at all.
        is_to_stop: Whether somebody has cancelled it.
        waits: What else it has asked, as `it_waits_for` says it.
    """
    at = "it is working"
    if step is not None:
        at = f"it is working on “{step}”, for {how_long}"
    elif how_long is not None:
        at = f"it is working, for {how_long}"
    if is_to_stop:
        at = f"{at}; it was asked to stop"
    return f"{at}; and {waits}" if waits is not None else f"{at}."


def it_succeeded(took: str | None) -> str:
    """Say that a run has succeeded."""
    return f"it succeeded after {took}." if took else "it succeeded."


def it_was_cancelled(took: str | None) -> str:
    """Say that a run was cancelled."""
    return f"it was cancelled after {took}." if took else "it was cancelled."


def it_took_too_long(took: str | None) -> str:
    """Say that a run was stopped."""
    return f"it took too long and was stopped after {took}." if took else "it took too long and was stopped."


def it_failed(took: str | None) -> str:
    """Say that a run has failed."""
    return f"it failed after {took}." if took else "it failed."
