"""What may go wrong between us and GitHub, and what a person can do about it."""

from __future__ import annotations

from datetime import datetime

from infrastructure.forge.protocol import ForgeUnavailable, NoRepository
from shared.errors import Conflict, NotFound, NotNow, TelewrightError


class GitHubError(TelewrightError):
    """GitHub has refused what was asked of it."""

    code = "github_refused"
    advice = "Look at what GitHub says above, and at the repository there."


class GitHubUnavailable(GitHubError, ForgeUnavailable):
    """GitHub cannot be reached, or cannot answer at the moment."""

    code = "github_unavailable"
    advice = "Look at githubstatus.com, or at the server that GITHUB_API_URL names; then try again."

    def __init__(self, message: str | None = None, *, pause_s: float | None = None) -> None:
        """Make the error.

        Args:
            message: One line.
            pause_s: Seconds that GitHub asks to wait, if it does.
        """
        super().__init__(message)
        self.pause_s = pause_s


class RateLimited(GitHubError, NotNow):
    """GitHub takes no more requests from us for a while."""

    code = "github_rate_limited"
    advice = "Nothing: it can go on by itself then."

    def __init__(self, *, until: datetime) -> None:
        """Make the error.

        Args:
            until: When GitHub takes requests again, by our clock; with a time zone.
        """
        super().__init__(f"GitHub takes no more requests from us until {until:%H:%M:%S} UTC", until=until)


class BadCredentials(GitHubError):
    """GitHub does not accept the token or the app's key."""

    code = "github_bad_credentials"
    advice = (
        "Check GITHUB_TOKEN, or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY; "
        "it may have expired or been revoked. Then start again."
    )


class MissingRight(GitHubError):
    """The token or app may not do this on GitHub."""

    code = "github_missing_right"
    advice = "Give the token or the app the permission that is named above, then try again."


class NotInstalled(MissingRight):
    """The GitHub App is not installed for the owner of the repositories."""

    code = "github_not_installed"
    advice = "Install it from the app's page on GitHub, with access to all repositories."


class Archived(GitHubError, Conflict):
    """The repository is archived, and read-only."""

    code = "github_archived"
    advice = "Unarchive it in its settings on GitHub, or start the project anew under another name."


class Missing(GitHubError, NotFound):
    """GitHub knows of no such thing, or the token may not see it."""

    code = "github_missing"
    advice = "Look at the repository on GitHub, and at what the token has access to."


class Gone(Missing, NoRepository):
    """The repository is no longer on GitHub, or the token may not see it."""

    code = "github_gone"
    advice = "Restore it in the owner's settings on GitHub, or give the token access to it."


class PlanLacks(GitHubError):
    """The owner's plan on GitHub has no such feature."""

    code = "github_plan"
    advice = "Make the repository public, or upgrade the owner's plan."
