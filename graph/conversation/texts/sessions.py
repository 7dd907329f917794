"""A conversation itself: how it begins, what it is, and the files that come with what is said in it."""

from __future__ import annotations

from typing import Final

from graph.conversation.texts.words import plural

# -- Greetings --------------------------------------------------------------------------------------

HELLO: Final = "Hello. What shall I build? /help lists what can be said."
WELCOME: Final = "You are welcome."


def greeting(model: str) -> str:
    """Begin a conversation; `model` is what is said of the model."""
    return (
        "Hello. Describe a service, and I plan, build, test and deploy it; "
        "I ask before what matters. For example: “Create a web service called hello”. "
        f"/help lists what can be said. {model}"
    )


# -- What was not understood ------------------------------------------------------------------------

NOT_UNDERSTOOD: Final = (
    "I did not understand that, and did nothing. I can build a project from a blueprint, deploy it, "
    "roll it back, stop, start and remove it, and say how it is. "
    "For example: “Create a web service called hello”, or “What is running?” /help lists everything."
)

NO_MODEL: Final = (
    "No model is configured, so I understand commands and a small set of sentences, and build "
    "from blueprints only."
)
TO_CONFIGURE_MODEL: Final = "To configure one, set MODEL=provider:model and start again."


def model(name: str) -> str:
    """Say which model there is."""
    return f"MODEL is {name}; sentences are still understood without it."


def too_long(most_kb: int) -> str:
    """Say that a message is longer than is taken."""
    return f"A message may have {most_kb} kB, and this one has more."


# -- What a conversation is -------------------------------------------------------------------------

THIS: Final = "This conversation:"
FRONT: Final = "front"
SINCE: Final = "since"
TURNS: Final = "turns"
UNDER_WAY: Final = "under way"
MODEL: Final = "model"
FILES: Final = "files"
NOTHING_UNDER_WAY: Final = "nothing"
WITHOUT_MODEL: Final = "none: commands and a small set of sentences"
NO_FILES: Final = "none"
FILE_COLUMNS: Final = ("file", "size", "sent")


def run(number: int, title: str) -> str:
    """Name a run that is under way."""
    return f"run {number} ({title})"


def files(number: int) -> str:
    """Say how many files there are."""
    return plural(number, f"{number} file", f"{number} files")


def turns_since_reset(new: int, in_all: int) -> str:
    """Say how many turns there are, where a conversation was begun anew."""
    return f"{new} since it was begun anew, {in_all} in all"


# -- Beginning anew ---------------------------------------------------------------------------------

BEGIN_ANEW_BUTTON: Final = "Begin anew"
BEGUN_ANEW_JUST_NOW: Final = "This conversation has only just been begun anew."
BEGUN_ANEW: Final = "This conversation begins anew. Nothing that was asked before is waited for."


def runs_go_on(number: int) -> str:
    """Say that what is at work is not touched."""
    return plural(number, f"{number} run goes on: see /status.", f"{number} runs go on: see /status.")


# -- Files ------------------------------------------------------------------------------------------

FILES_TAKEN: Final = "text and code, images (PNG, JPEG, GIF, WebP), PDF and zip archives"
"""The types of files that are taken."""


def kept(files: str) -> str:
    """Say what becomes of files that come without a word."""
    return (
        f"Kept with this conversation: {files}. Files are given to the work that the same message starts: "
        "to use one, send it again with what you want."
    )


def file(name: str, size: str) -> str:
    """Name a file that was kept."""
    return f"{name} ({size})"


def file_too_large(name: str, has_mb: float, most_mb: int) -> str:
    """Say that a file is larger than is taken."""
    return f"{name} has {has_mb:.1f} MB, and a file may have {most_mb} MB."


def file_type_not_taken(name: str) -> str:
    """Say that this type of file is not taken."""
    return f"{name} is no type of file that is taken, or not what its name says."


UNREADABLE: Final = "Something was said here that cannot be read any more. /status shows where things are."
"""What stands for a thing that no version of this program knows."""
