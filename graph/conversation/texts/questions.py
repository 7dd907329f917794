"""What runs ask, who may answer, and what becomes of the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# -- A question that is put -------------------------------------------------------------------------

PICK_OR_WRITE: Final = "Pick one, or write another."
WRITE_ANSWER: Final = "Write your answer."
DETAILS_BUTTON: Final = "Details"


def whose_else(roles: str) -> str:
    """Say who may answer, where that is not who asked."""
    return f"{roles}, other than who asked"


def button_about(label: str, about: str) -> str:
    """Return the label of a button, where several questions stand together."""
    return f"{label}: {about}"


def about_run(number: int) -> str:
    """Name the run that a button is about."""
    return f"run {number}"


def asks_elsewhere(number: int, title: str) -> str:
    """Say that something is asked that cannot be put here."""
    return f"Run {number} asks: {title} See /approvals."


def still_waits_elsewhere(number: int, title: str) -> str:
    """Remind of something that cannot be put here."""
    return f"Run {number} still waits for an answer: {title} See /approvals."


def still_waits(number: int, title: str, left: str) -> str:
    """Remind of a question."""
    return f"Run {number} still waits: {title} {left} are left to answer."


# -- What waits -------------------------------------------------------------------------------------

NOTHING_WAITS: Final = "Nothing waits for an answer."
SEE_APPROVALS: Final = "See /approvals for what waits."


def waiting(number: int, run: str, title: str, *, whose: str, how_long: str, until: str) -> str:
    """Say what waits, for whom, since when and until when."""
    return f"Run {number}, {run}: {title} It waits for {whose}, since {how_long}, until {until}."


def asks_nothing(number: int) -> str:
    """Say that a run asks nothing."""
    return f"Run {number} asks nothing."


def asks_nothing_but(number: int, title: str, state: str) -> str:
    """Say that a run asks nothing, and where it stands."""
    return f"Run {number}, {title}, asks nothing: {state}"


def has_asked_nothing(number: int, title: str) -> str:
    """Say that a run has never asked anything."""
    return f"Run {number}, {title}, has asked nothing."


NOT_ASKED_ANY_MORE: Final = "This is not asked any more: its run is over."

# -- Details ----------------------------------------------------------------------------------------

NO_DETAIL: Final = "none"


def details_of(number: int, title: str) -> str:
    """Begin what there is to read of a question."""
    return f"Run {number}: {title}"


def it_was(status: str) -> str:
    """Say what became of a question."""
    return f"It was {status}."


def it_was_at(status: str, clock: str) -> str:
    """Say what became of a question, and when."""
    return f"It was {status} at {clock}."


# -- Answering --------------------------------------------------------------------------------------

WHOSE_ANSWER: Final = "If that was your answer, reply to the question with it, or press a button."
WAY_OUT: Final = "never mind"
"""What to write instead of a comment; understood in this form."""
NOTHING_DECIDED: Final = "All right, nothing is decided. /approvals shows what waits."
WHICH_QUESTION: Final = "Several questions wait. Which one do you mean?"
WHICH_TEXT: Final = "Several questions wait for a text. Which one do you answer?"
YOUR_ANSWER: Final = "your answer"
APPROVE_WITHOUT_COMMENT: Final = (
    "/approve takes the number of a run and nothing else: a comment would be lost."
)
WRITE_BEHIND: Final = "Write your answer behind it: /answer [run] <text>."
ANY_TEXT: Final = "any text"


def noted(number: int, said: str) -> str:
    """Say that an answer was taken."""
    return f"Noted for run {number}: {said}."


def ask_comment(title: str, choice: str) -> str:
    """Ask for the comment that belongs to a choice."""
    return f"{title} {choice}: what should be different?"


def answers_are(number: int, title: str, answers: str) -> str:
    """Say what a run asks, and what can be answered."""
    return f"Run {number} asks: {title} The answers are {answers}."


def choice_of_run(label: str, number: int, title: str) -> str:
    """Return the label of a button that answers one of several questions."""
    return f"{label}: run {number}, {title}"


def text_for_run(number: int, title: str) -> str:
    """Return the label of a button that gives a text to one of several questions."""
    return f"Run {number}, {title}"


# -- What was decided -------------------------------------------------------------------------------

_DECIDED: Final[Mapping[str, str]] = {
    "approve": "Approved by {name}",
    "reject": "Changes asked for by {name}",
    "decline": "Declined by {name}",
    "cancel": "Cancelled by {name}",
}
"""What the choices that most questions have come to."""

NOBODY_ANSWERED: Final = "Nobody answered in time, so it is not asked any more."


def decided(choice: str, said: str, name: str) -> str:
    """Say who has decided what: by the choice's key where it is known, else as it was said."""
    known = _DECIDED.get(choice)
    return known.format(name=name) if known else f"{name} answered: {said}"
