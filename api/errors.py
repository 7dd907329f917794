"""What went wrong, as an HTTP client is told: the error's code, its message, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse

from shared.errors import BadInput, Conflict, NotAllowed, NotFound, TelewrightError, Unavailable


class NotSigned(NotAllowed):
    """The request does not prove who sent it."""

    code = "not_signed"
    advice = "Send it with the secret that GITHUB_WEBHOOK_SECRET has."


class TooLarge(BadInput):
    """The request is too large."""

    code = "too_large"


class TooSlow(BadInput):
    """The request did not arrive in time."""

    code = "too_slow"
    advice = "Send it again; nothing was changed."


class TooBusy(Unavailable):
    """Too many large requests come in at the moment."""

    code = "too_busy"
    advice = "Send it again in a while; nothing was changed."


_UNREAD: Final = (NotSigned, TooLarge, TooSlow, TooBusy)
"""What may be answered while the request still comes in; nobody is to wait for the rest of it."""

_STATUS: tuple[tuple[type[TelewrightError], HTTPStatus], ...] = (
    (NotSigned, HTTPStatus.UNAUTHORIZED),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (TooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (NotFound, HTTPStatus.NOT_FOUND),
    (BadInput, HTTPStatus.BAD_REQUEST),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (Conflict, HTTPStatus.CONFLICT),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The first that fits, from the narrow to the wide."""


def status_of(error: TelewrightError) -> HTTPStatus:
    """Return the status that an error is answered with."""
    for kind, status in _STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


async def render(_: Request, error: Exception) -> JSONResponse:
    """Answer with an error; the one place where errors become answers."""
    assert isinstance(error, TelewrightError)  # noqa: S101 - it is registered for these
    told = {"code": error.code, "message": error.message, "advice": error.advice}
    headers = {"Connection": "close"} if isinstance(error, _UNREAD) else None
    return JSONResponse({"error": told}, status_of(error), headers)
