"""How the Bot API says no: a status, a description, and sometimes what to do next."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
"""One JSON object of the Bot API."""
Value = Any
"""Any JSON value."""

PREFIXES = {
    400: "Bad Request: ",
    403: "Forbidden: ",
    404: "Not Found",
    409: "Conflict: ",
    429: "Too Many Requests: ",
}


class ApiError(Exception):
    """An answer with `"ok": false`."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> Json:
        """The JSON that is sent for it."""
        body: Json = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = self.parameters
        return body


def bad_request(reason: str) -> ApiError:
    """A request that cannot be done as it is."""
    return ApiError(400, PREFIXES[400] + reason)


def forbidden(reason: str) -> ApiError:
    """Somebody does not want to hear from the bot."""
    return ApiError(403, PREFIXES[403] + reason)


def conflict(reason: str) -> ApiError:
    """Two readers of one stream of updates."""
    return ApiError(409, PREFIXES[409] + reason)


def too_many_requests(retry_after: int) -> ApiError:
    """A flood limit was passed."""
    return ApiError(429, f"{PREFIXES[429]}retry after {retry_after}", {"retry_after": retry_after})


def migrated(chat_id: int) -> ApiError:
    """The basic group is a supergroup now, of another id."""
    return ApiError(
        400,
        PREFIXES[400] + "group chat was upgraded to a supergroup chat",
        {"migrate_to_chat_id": chat_id},
    )


SERVER_ERRORS = {
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def plain(code: int, description: str | None = None) -> ApiError:
    """An error of the front servers, as bare as they give it."""
    known = SERVER_ERRORS | {401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
    return ApiError(code, description or known.get(code, "Error"))
