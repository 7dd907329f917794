"""Every error a person may see: a stable code, one line, and what to do next.

The docstring of an error class is its default message. An error is retried
only if it is marked `transient`.
"""

from __future__ import annotations

import inspect
from datetime import datetime
from typing import ClassVar


class TelewrightError(Exception):
    """Something went wrong inside Telewright."""

    code: ClassVar[str] = "internal"
    """Stable, for programs. Never renamed."""

    advice: str = "Look at the log with the run's trace id, and report it if it happens again."
    """What a person can do next, in one sentence."""

    transient: ClassVar[bool] = False
    """Whether trying the same thing again may help."""

    def __init__(self, message: str | None = None, *, advice: str | None = None) -> None:
        """Make the error.

        Args:
            message: One line; the class's docstring when left out.
            advice: What to do next, when this place knows better than the class.
        """
        self.message = message or first_line(type(self))
        if advice is not None:
            self.advice = advice
        super().__init__(self.message)


def first_line(cls: type) -> str:
    """Return the first line of a class's docstring."""
    return (inspect.getdoc(cls) or cls.__name__).splitlines()[0]


class BadSetting(TelewrightError):
    """A setting is missing or has a value that cannot be used."""

    code = "bad_setting"
    advice = "Correct the variable named above in the environment or in .env, then start again."


class BadInput(TelewrightError):
    """What was asked for cannot be done as it was written."""

    code = "bad_input"
    advice = "Correct it and send it again; nothing was changed."


class NotFound(BadInput):
    """There is no such thing."""

    code = "not_found"
    advice = "See /projects for what there is."


class NotAllowed(TelewrightError):
    """You may not do that."""

    code = "not_allowed"
    advice = "Ask the owner."


class Conflict(TelewrightError):
    """Something else has changed in the meantime."""

    code = "conflict"
    advice = "Look at the current state and try again."


class Unavailable(TelewrightError):
    """A part that is needed cannot be reached."""

    code = "unavailable"
    advice = "Run `telewright doctor`; it says which part and what to do."
    transient = True


def unwrapped(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that tasks together ended with, or the group as it is where not all of it are ours.

    For `except BaseExceptionGroup`: the first releases of Python 3.11 wrap again what is raised in an `except*`.
    """
    ours, others = group.split(TelewrightError)
    if ours is None or others is not None:
        return group
    first: BaseException = ours
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


class NotNow(TelewrightError):
    """It cannot go on before a certain moment.

    A run whose step raises this is let go, and taken up again then: it neither fails nor holds anything.
    """

    code = "not_now"
    advice = "Nothing: it goes on by itself then."

    expected: ClassVar[bool] = False
    """Whether waiting is part of the work, and no news to anybody."""

    def __init__(self, message: str | None = None, *, until: datetime) -> None:
        """Make the error.

        Args:
            message: One line: why not.
            until: When it can go on; with a time zone.
        """
        super().__init__(message)
        self.until = until


class Cancelled(TelewrightError):
    """It was called off by a person who was asked."""

    code = "called_off"
    advice = "Say anew what you want, whenever you like."


class ClaimLost(TelewrightError):
    """This worker no longer holds the run: another one has taken it up."""

    code = "claim_lost"
    advice = "Nothing: the run goes on elsewhere."
