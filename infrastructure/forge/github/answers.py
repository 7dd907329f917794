"""What an unhappy answer of GitHub means.

The rules are in https://docs.github.com/en/rest/using-the-rest-api: troubleshooting, rate limits,
best practices. PyGithub gives headers with their names in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from github import GithubException
from pydantic import BaseModel, Field, ValidationError

from infrastructure.forge.github.errors import (
    Archived,
    BadCredentials,
    GitHubError,
    GitHubUnavailable,
    Missing,
    MissingRight,
    PlanLacks,
    RateLimited,
)

SECONDARY_PAUSE = timedelta(seconds=60)
"""What GitHub recommends when it does not say how long."""

LONGEST_QUOTE = 300

_LIMITS = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


class _Detail(BaseModel):
    message: str = ""
    code: str = ""
    field: str = ""


class _Refusal(BaseModel):
    message: str = ""
    errors: list[_Detail | str] = Field(default_factory=list)


def meaning(error: GithubException, *, now: datetime | None = None) -> GitHubError:
    """Return the error that says to people what GitHub has answered.

    Args:
        error: PyGithub's.
        now: The time by our clock.
    """
    headers, said = error.headers or {}, quote(error)
    now = now or datetime.now(UTC)
    if error.status in _LIMITS and (until := _limited_until(headers, said, now)):
        return RateLimited(until=until)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status == HTTPStatus.REQUEST_TIMEOUT:
        return GitHubUnavailable(f"GitHub answers {error.status}", pause_s=_retry_after_s(headers, now))
    if error.status == HTTPStatus.UNAUTHORIZED:
        return BadCredentials(f"GitHub does not accept the token or the app's key: {said}")
    if error.status == HTTPStatus.FORBIDDEN:
        return _forbidden(headers, said)
    if error.status == HTTPStatus.NOT_FOUND:
        return MissingRight(_missing(headers, said)) if _lacks_scope(headers) else Missing()
    return GitHubError(f"GitHub refuses: {said}")


def quote(error: GithubException) -> str:
    """Return what GitHub says, on one line and not too long."""
    try:
        refusal = _Refusal.model_validate(error.data)
    except ValidationError:
        return f"status {error.status}"
    details = [
        each if isinstance(each, str) else each.message or f"{each.field} {each.code}"
        for each in refusal.errors
    ]
    said = " ".join("; ".join([refusal.message, *details]).split())
    return said[:LONGEST_QUOTE] or f"status {error.status}"


def clock_skew(error: GithubException) -> timedelta | None:
    """Return how far GitHub's clock is ahead of ours, as an answer tells it."""
    told = _date(error.headers or {})
    return told - datetime.now(UTC) if told else None


def _limited_until(headers: Mapping[str, str], said: str, now: datetime) -> datetime | None:
    if (pause_s := _retry_after_s(headers, now)) is not None:
        return now + timedelta(seconds=pause_s)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        # By GitHub's clock; and it is not clear when in that second.
        pause = datetime.fromtimestamp(int(reset) + 1, UTC) - (_date(headers) or now)
        return now + max(pause, timedelta())
    return now + SECONDARY_PAUSE if "rate limit" in said.lower() else None


def _retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((moment - (_date(headers) or now)).total_seconds(), 0)


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        return parsedate_to_datetime(headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return None


def _forbidden(headers: Mapping[str, str], said: str) -> GitHubError:
    lower = said.lower()
    if "archived" in lower:
        return Archived()
    if "upgrade to github" in lower:
        return PlanLacks(f"GitHub refuses: {said}")
    if "x-github-sso" in headers:
        return MissingRight(
            f"GitHub refuses: {said}", advice="Authorize the token for the organisation's single sign-on."
        )
    return MissingRight(_missing(headers, said))


def _missing(headers: Mapping[str, str], said: str) -> str:
    """Say which permission is missing, in the words of the token's kind."""
    if permissions := headers.get("x-accepted-github-permissions", ""):
        return f"GitHub refuses ({said}); it takes the permission {permissions.replace('=', ': ')}"
    if scopes := headers.get("x-accepted-oauth-scopes", ""):
        return f"GitHub refuses ({said}); it takes a token with the scope {scopes}"
    return f"GitHub refuses: {said}"


def _lacks_scope(headers: Mapping[str, str]) -> bool:
    """Return whether a classic token has none of the scopes of which one is needed.

    GitHub says 404, so that nobody learns what is private.
    """
    accepted, held = (
        {scope.strip() for scope in headers.get(name, "").split(",")} - {""}
        for name in ("x-accepted-oauth-scopes", "x-oauth-scopes")
    )
    return "x-oauth-scopes" in headers and bool(accepted) and not accepted & held
