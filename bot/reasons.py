"""Why something went wrong, in words that may be kept: they quote nothing that people have said."""

from __future__ import annotations

import psycopg
from aiogram.exceptions import ClientDecodeError
from pydantic import ValidationError


def reason_of(error: BaseException) -> str:
    """Return what an error says; of those that quote what they were given, only their kind and place.

    Args:
        error: What was raised.
    """
    match error:
        case ValidationError():
            # Its text quotes the values, which are people's messages.
            return "; ".join(
                f"{'.'.join(map(str, (error.title, *one['loc'])))}: {one['type']}"
                for one in error.errors(include_url=False, include_context=False, include_input=False)
            )
        case ClientDecodeError():
            # It quotes the whole answer.
            return "the answer is not what the Bot API promises"
        case psycopg.Error():
            # The lines below quote the row.
            return str(error).partition("\n")[0]
        case _:
            return str(error)
