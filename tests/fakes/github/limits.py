"""The primary rate limit: so many requests an hour for each caller; what is not modified is free.

https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.fakes.github.errors import ApiError, Json

HOUR_S = 3600.0


@dataclass
class Window:
    """What one caller has used of the present hour."""

    resets_at: float
    used: int = 0


@dataclass
class Limits:
    """The budgets of all callers.

    Attributes:
        per_hour: How many requests each has.
    """

    per_hour: int = 5000
    _windows: dict[str, Window] = field(default_factory=dict)

    def window(self, caller: str, now: float) -> Window:
        """A caller's present hour."""
        window = self._windows.get(caller)
        if window is None or window.resets_at <= now:
            window = self._windows[caller] = Window(now + HOUR_S)
        return window

    def leave(self, caller: str, now: float, remaining: int, reset_in_s: float) -> None:
        """Let a caller have so many requests until a moment."""
        self._windows[caller] = Window(now + reset_in_s, self.per_hour - remaining)

    def check(self, caller: str, now: float, *, user_id: int | None) -> None:
        """Refuse a caller who has used everything.

        Raises:
            ApiError: Nothing is left.
        """
        if self.window(caller, now).used < self.per_hour:
            return
        whose = f"user ID {user_id}" if user_id is not None else "127.0.0.1"
        raise ApiError(
            403,
            f"API rate limit exceeded for {whose}.",
            documentation_url="https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
        )

    def spend(self, caller: str, now: float) -> None:
        """Count a request."""
        window = self.window(caller, now)
        window.used = min(window.used + 1, self.per_hour)

    def about(self, caller: str, now: float) -> Json:
        """What `GET /rate_limit` says of one resource."""
        window = self.window(caller, now)
        return {
            "limit": self.per_hour,
            "used": window.used,
            "remaining": self.per_hour - window.used,
            "reset": int(window.resets_at),
        }

    def headers(self, caller: str, now: float) -> dict[str, str]:
        """What every answer says of it."""
        figures = self.about(caller, now)
        return {f"X-RateLimit-{name.capitalize()}": str(n) for name, n in figures.items()} | {
            "X-RateLimit-Resource": "core"
        }
