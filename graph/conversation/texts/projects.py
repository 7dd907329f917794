"""Projects, their services and their releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graph.conversation.texts.words import listed, plural

# -- Which project ----------------------------------------------------------------------------------

NAME_IT: Final = "Write a project's name behind the command; see /projects."
NONE_YET: Final = "There is no project yet."
MAKE_THE_FIRST: Final = "Make the first one: /new <blueprint> <name>."


def about(project: str) -> str:
    """Say which project was taken, when nobody named it."""
    return f"This is about {project}."


def no_such(name: str) -> str:
    """Say that no project has a name."""
    return f"There is no project called {name}."


def run_without(number: int, title: str) -> str:
    """Say that the run that was spoken to has no project."""
    return f"Run {number}, {title}, has no project yet."


def removed(project: str, run_number: int) -> str:
    """Say that the project of the run that was spoken to is not there any more."""
    return f"{project}, the project of run {run_number}, was removed."


def there_are(names: Sequence[str]) -> str:
    """Name the projects that there are."""
    return plural(len(names), f"There is {listed(names)}.", f"There are {listed(names)}.")


def there_are_more(names: Sequence[str], more: int) -> str:
    """Name some of the projects that there are."""
    return f"There are {', '.join(names)} and {more} more: /projects."


# -- The projects that there are --------------------------------------------------------------------

NONE_YET_MAKE_ONE: Final = "There is no project yet. Make one: /new <blueprint> <name>, or /help new."
COLUMNS: Final = ("project", "blueprint", "service", "release", "at work")


def number_of(projects: int) -> str:
    """Say how many projects there are."""
    return plural(projects, f"There is {projects} project.", f"There are {projects} projects.")


def run_in_table(number: int, status: str) -> str:
    """Name a run that works on a project."""
    return f"run {number} ({status})"


# -- A project and its service ----------------------------------------------------------------------

WANTED: Final = "wanted"
RELEASE: Final = "release"
DEPLOYED: Final = "deployed"
SEEN: Final = "seen"
FOR: Final = "for"
"""What stands before what is known of a service."""

NOT_DEPLOYED: Final = "not deployed"
BEING_BUILT: Final = "being built"
NOT_BUILT: Final = "not built"
DOWN: Final = "down"
NOT_ON_SERVER: Final = "not on its server"
SERVICE_FAILED: Final = "failed: see /logs"


def of_blueprint(project: str, blueprint: str) -> str:
    """Say what a project is."""
    return f"{project} is a project of the blueprint {blueprint}."


def release(number: int, commit: str) -> str:
    """Name the release that is deployed."""
    return f"{number} (commit {commit})"


def deployed(how_long: str, server: str) -> str:
    """Say when something was deployed, and where."""
    return f"{how_long} ago, on {server}"


def nothing_seen(message: str, advice: str) -> str:
    """Say why a server could not be asked."""
    return f"nothing: {message} {advice}"


# -- Releases ---------------------------------------------------------------------------------------

RELEASE_COLUMNS: Final = ("release", "commit", "made", "tests", "")
LIVE: Final = "live"


def no_release(project: str) -> str:
    """Say that there is no release, and how to make one."""
    return f"{project} has no release yet. Make one: /deploy {project}"


def releases_of(project: str) -> str:
    """Begin the list of a project's releases."""
    return f"The releases of {project}, newest first:"


def no_earlier_release(project: str) -> str:
    """Say that there is nothing to roll back to."""
    return f"{project} has no earlier release to go back to."


def see_releases(project: str) -> str:
    """Say where the releases are listed."""
    return f"See /releases {project}."


# -- What can be made -------------------------------------------------------------------------------

BLUEPRINT_COLUMNS: Final = ("blueprint", "what it makes")
NO_BLUEPRINTS: Final = "There are no blueprints."


def blueprints(example: str) -> str:
    """Say how a project is made, with one of the blueprints that there are."""
    return (
        "Say what to make and how to call it: /new <blueprint> <name> [description], "
        f"for example /new {example} hello."
    )
