"""How GitHub says no: a status, a message, a page to read, and sometimes what is wrong with which field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""One JSON object of the API."""
Value = Any
"""Any JSON value."""

DOCUMENTATION = "https://docs.github.com/rest"
SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. "
    "If you reach out to GitHub Support for help, please include the request ID 0000:0000:0000:0000:00000000."
)


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: list[Json] | list[str] | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Json | None = None,
        documentation_url: str = DOCUMENTATION,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})
        self.extra = extra or {}
        self.documentation_url = documentation_url

    def body(self) -> Json:
        """The JSON that is sent for it."""
        body: Json = {"message": self.message, **self.extra}
        if self.errors:
            body["errors"] = self.errors
        return body | {"documentation_url": self.documentation_url, "status": str(self.status)}


def not_found() -> ApiError:
    """There is no such thing, or nothing that the caller may know of."""
    return ApiError(404, "Not Found")


def invalid(resource: str, field: str, code: str, message: str | None = None) -> ApiError:
    """A field has a value that it cannot have."""
    error: Json = {"resource": resource, "code": code, "field": field}
    if message is not None:
        error["message"] = message
    return ApiError(422, "Validation Failed", errors=[error])


def refused(resource: str, message: str) -> ApiError:
    """A rule that belongs to no field alone is broken."""
    return ApiError(
        422, "Validation Failed", errors=[{"resource": resource, "code": "custom", "message": message}]
    )


def unprocessable(message: str) -> ApiError:
    """What was asked makes no sense as it is."""
    return ApiError(422, message)


def archived() -> ApiError:
    """The repository takes no changes any more."""
    return ApiError(403, "Repository was archived so is read-only.")


def secondary_limit(retry_after: int, status: int = 403) -> ApiError:
    """Too much at once."""
    return ApiError(
        status,
        SECONDARY_LIMIT,
        headers={"Retry-After": str(retry_after)},
        documentation_url="https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
        "#about-secondary-rate-limits",
    )
