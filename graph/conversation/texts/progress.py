"""What is told of a run as it goes: its steps, what happens to it, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# -- What stands in a run's way, below its steps ----------------------------------------------------

BEING_CANCELLED: Final = "It is being cancelled."
NEXT_WORKER_TAKES_IT: Final = "The next free worker takes it."
ANSWERED: Final = "It was answered, and the next free worker goes on with it."


def waits_behind(number: int, title: str) -> str:
    """Say which run goes first."""
    return f"It waits behind run {number} ({title}), which works on the same project."


def pauses(reason: str) -> str:
    """Say why a run pauses."""
    return f"It pauses: {reason}"


def waits_for(questions: str) -> str:
    """Say what a run has asked."""
    return f"It waits for an answer: {questions}"


def question_for(title: str, whose: str) -> str:
    """Name a question that a run waits with."""
    return f"{title} (for {whose})"


# -- Steps ------------------------------------------------------------------------------------------

WORK: Final = "Work"
"""A step without a name."""
A_WHILE: Final = "a while"
"""How long something took of which that is not known."""
LAST_LINES: Final = "The last lines:"


def step_begun(step: str) -> str:
    """Say that a step has begun."""
    return f"{step} …"


def step_done(step: str) -> str:
    """Say that a step is done, where nobody knows how long it took."""
    return f"{step}: done"


def step_done_in(step: str, took: str) -> str:
    """Say that a step is done, as a line of output."""
    return f"{step}: done in {took}"


def step_is_done(step: str, took: str) -> str:
    """Say that a step is done, as a sentence."""
    return f"{step}: done in {took}."


def step_failed(step: str, took: str) -> str:
    """Say that a step has failed."""
    return f"{step}: failed after {took}."


def task_failed(step: str, message: str) -> str:
    """Say that a task of a playbook has failed, and with what."""
    return f"{step}: failed. {message}".rstrip()


# -- What happens to a run --------------------------------------------------------------------------


def blocked(number: int, by: str, title: str) -> str:
    """Say which run goes first."""
    return f"Run {number} waits behind run {by} ({title}), which works on the same project."


def started(number: int, title: str) -> str:
    """Say that a run has begun."""
    return f"Run {number}, {title}: a worker has taken it up."


def resumed(number: int, title: str) -> str:
    """Say that a run goes on."""
    return f"Run {number}, {title}: it goes on."


def paused_as_expected(reason: str) -> str:
    """Say that a run waits a moment, as it does every time."""
    return f"{reason}."


def paused(number: int, reason: str) -> str:
    """Say that a run waits for something to be well again."""
    return f"Run {number} pauses: {reason}. It goes on by itself then."


def taken_over(number: int) -> str:
    """Say that a worker was lost, and the run was not."""
    return (
        f"Run {number} was picked up again by another worker, from where it stood: "
        "the one before has stopped answering."
    )


def cancel_requested(number: int, title: str) -> str:
    """Say that a run is about to stop."""
    return f"Run {number}, {title}: it is being cancelled …"


# -- How a run ends ---------------------------------------------------------------------------------


def done(title: str) -> str:
    """Say what a run came to that says nothing of it itself."""
    return f"{title}: done."


def succeeded(summary: str, number: int, took: str) -> str:
    """Say that a run has succeeded, below what it came to."""
    return f"{summary}\nRun {number} is done after {took}."


def failed(number: int, title: str, reason: str) -> str:
    """Say that a run has failed."""
    return f"Run {number}, {title}, has failed. {reason}".rstrip()


def timed_out(number: int, title: str, reason: str) -> str:
    """Say that a run took too long."""
    return f"Run {number}, {title}, took too long, and was stopped. {reason}".rstrip()


def cancelled(number: int, title: str, reason: str) -> str:
    """Say that a run was cancelled."""
    return f"Run {number}, {title}, is cancelled. {reason}".rstrip()


DASHBOARD: Final = "Dashboard"

ADDRESSES: Final[Mapping[str, str]] = {
    "pull_request": "Pull request",
    "repository": "Repository",
    "dashboard": DASHBOARD,
}
"""Where people look at what a run has made, besides the service itself: by what its result calls them."""
