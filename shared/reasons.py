"""Why something went wrong, in words that may be kept: they quote nothing that people have said.

Some libraries put into an error's text what they were given. In a log, that would be
people's messages; and whoever writes a message would write the log.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from textwrap import indent
from typing import Final

import psycopg
from pydantic import ValidationError

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def reason_of(error: BaseException) -> str:
    """Return what an error says; of those that quote what they were given, only their kind and place.

    Args:
        error: What was raised.
    """
    match error:
        case ValidationError():
            return "; ".join(
                f"{'.'.join(map(str, (error.title, *one['loc'])))}: {one['type']}"
                for one in error.errors(include_url=False, include_context=False, include_input=False)
            )
        case psycopg.Error():
            # The lines below quote the row.
            return str(error).partition("\n")[0]
        case _:
            return str(error)


def traceback_of(error: BaseException) -> str:
    """Return an error's traceback as Python writes it, with the reasons instead of what the errors say.

    Args:
        error: What was raised, with what it came from, and what it is a group of.
    """
    return "".join(_lines(error, set())).rstrip("\n")


def _lines(error: BaseException, before: set[int]) -> Iterator[str]:
    before.add(id(error))
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None and id(origin) not in before:
        yield from _lines(origin, before)
        yield _CONTEXT if error.__cause__ is None else _CAUSE
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    reason = reason_of(error)
    yield f"{name}: {reason}\n" if reason else f"{name}\n"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            if id(one) not in before:
                yield indent("".join(_lines(one, before)), "  | ")
