"""Looking in the projects' code: `/ask` and `/index`."""

from __future__ import annotations

from typing import Final

from graph.conversation.texts.words import listed, plural

# -- Whose code -------------------------------------------------------------------------------------

ALL_CODE: Final = "the projects' code"


def code_of(project: str) -> str:
    """Name one project's code."""
    return f"the code of {project}"


NO_CODE: Final = "There is no project yet, and so no code to look in."


# -- Nothing can be looked in yet -------------------------------------------------------------------


def indexed_soon(whose: str, waiting: int) -> str:
    """Say that nothing is indexed, and that it will be."""
    return (
        f"Nothing of {whose} is indexed yet; "
        f"{plural(waiting, f'{waiting} file is', f'{waiting} files are')} on the way. Ask again soon."
    )


def nothing_indexed(whose: str) -> str:
    """Say that nothing is indexed, and that nothing is on the way."""
    return f"Nothing of {whose} is indexed: /index says how far it is."


# -- What was found ---------------------------------------------------------------------------------


def best_places(number: int, whose: str, left_out: str) -> str:
    """Begin the places that were found; `left_out` is what `not_looked_in` says, or nothing."""
    remark = f" {left_out}" if left_out else ""
    return plural(
        number,
        f"The best {number} place in {whose}:{remark}",
        f"The best {number} places in {whose}:{remark}",
    )


def no_places(whose: str, left_out: str) -> str:
    """Say that no word of the question was found; `left_out` is what `not_looked_in` says, or nothing."""
    remark = f" {left_out}" if left_out else ""
    return f"None of these words is in {whose}.{remark} Try another name for it."


def not_looked_in(*, waiting: int, dead: int, words_alone: bool) -> str:
    """Say in brackets what could not be looked in, or not by what it means; nothing if all was."""
    remarks = []
    if waiting:
        remarks.append(
            plural(waiting, f"{waiting} file is not indexed yet", f"{waiting} files are not indexed yet")
        )
    if dead:
        remarks.append(
            plural(dead, f"{dead} file is left out, see /index", f"{dead} files are left out, see /index")
        )
    if words_alone:
        remarks.append("by its words alone, since the embeddings model did not answer")
    return f"({listed(remarks)})" if remarks else ""


def place(project: str, path: str, first: int, last: int, symbol: str) -> str:
    """Say where lines of code stand, and in which function or class if that is known."""
    where = f"{project}: {path}, lines {first}-{last}"
    return f"{where} ({symbol})" if symbol else where


# -- How far it is indexed --------------------------------------------------------------------------

NOTHING_TO_INDEX: Final = "There is no project yet, and so nothing to index."
OVERVIEW: Final = "What of the projects' code is indexed:"
OVERVIEW_COLUMNS: Final = ("project", "commit", "indexed", "waiting", "skipped", "dead")
NO_COMMIT_YET: Final = "none yet"
SKIPPED_COLUMNS: Final = ("skipped since", "files")
TROUBLE_COLUMNS: Final = ("went wrong", "state", "attempts", "why")
GIVEN_UP: Final = "given up"
TRIED_AGAIN: Final = "tried again"
TRY_AGAIN_BUTTON: Final = "Try again now"


def not_looked_at(project: str) -> str:
    """Say that nobody has looked at a project's code."""
    return f"Nobody has looked at the code of {project} yet."


def how_far(project: str, commit: str, *, indexed: int, waiting: int) -> str:
    """Say how much of a project's code is indexed."""
    return (
        f"{plural(indexed, f'{indexed} file is', f'{indexed} files are')} of {project} indexed, "
        f"as of commit {commit}; {plural(waiting, f'{waiting} file is', f'{waiting} files are')} waiting."
    )


def nothing_to_retry(project: str) -> str:
    """Say that there is nothing to try again."""
    return f"Nothing of {project} has gone wrong."


def retried(project: str, number: int) -> str:
    """Say that what went wrong is tried again."""
    return plural(
        number,
        f"{number} file is tried again: /index {project} says how it goes.",
        f"{number} files are tried again: /index {project} says how it goes.",
    )
