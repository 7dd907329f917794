"""What GitHub's unhappy answers, and git's complaints about them, mean to people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from github import GithubException

from infrastructure.forge.github import (
    Archived,
    BadCredentials,
    GitHubError,
    GitHubUnavailable,
    Gone,
    Missing,
    MissingRight,
    PlanLacks,
    RateLimited,
    answers,
    complaints,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def answer(status: int, message: str = "", **headers: str) -> GithubException:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return GithubException(status, {"message": message}, named)


def meaning(status: int, message: str = "", **headers: str) -> GitHubError:
    return answers.meaning(answer(status, message, **headers), now=NOW)


@pytest.mark.parametrize("status", [403, 429])
def test_retry_after_says_until_when_requests_are_limited(status: int) -> None:
    limited = meaning(status, "You have exceeded a secondary rate limit.", retry_after="90")

    assert isinstance(limited, RateLimited)
    assert limited.until == NOW + timedelta(seconds=90)
    assert "05:07:37" in limited.message


def test_retry_after_may_be_a_date_by_githubs_clock() -> None:
    their_now = NOW + timedelta(hours=1)
    until = format_datetime(their_now + timedelta(seconds=30), usegmt=True)

    limited = meaning(429, retry_after=until, date=format_datetime(their_now, usegmt=True))

    assert isinstance(limited, RateLimited)
    assert limited.until == NOW + timedelta(seconds=30)


def test_the_end_of_a_primary_limit_is_told_by_our_clock_though_githubs_is_another() -> None:
    their_now = NOW - timedelta(minutes=10)
    reset = int((their_now + timedelta(minutes=2)).timestamp())

    limited = meaning(
        403,
        "API rate limit exceeded for user ID 1.",
        x_ratelimit_remaining="0",
        x_ratelimit_reset=str(reset),
        date=format_datetime(their_now, usegmt=True),
    )

    assert isinstance(limited, RateLimited)
    assert limited.until == NOW + timedelta(minutes=2, seconds=1)


def test_a_secondary_limit_without_a_time_lasts_a_minute() -> None:
    limited = meaning(403, "You have exceeded a secondary rate limit. Please wait a few minutes.")

    assert isinstance(limited, RateLimited)
    assert limited.until == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_trouble_at_github_passes(status: int) -> None:
    unavailable = meaning(status, retry_after="7")

    assert isinstance(unavailable, GitHubUnavailable)
    assert unavailable.transient
    assert unavailable.pause_s == 7


def test_a_missing_permission_is_named() -> None:
    missing = meaning(
        403,
        "Resource not accessible by integration",
        x_accepted_github_permissions="contents=write",
        x_ratelimit_remaining="4999",
    )

    assert isinstance(missing, MissingRight)
    assert "contents: write" in missing.message
    assert not missing.transient


def test_a_classic_token_without_the_scope_is_told_the_scope_though_github_says_not_found() -> None:
    missing = meaning(404, "Not Found", x_accepted_oauth_scopes="repo", x_oauth_scopes="gist, read:org")

    assert isinstance(missing, MissingRight)
    assert "scope repo" in missing.message


def test_what_is_not_found_with_the_right_scope_is_not_there() -> None:
    missing = meaning(404, "Not Found", x_accepted_oauth_scopes="repo", x_oauth_scopes="repo")

    assert type(missing) is Missing


def test_single_sign_on_has_advice_of_its_own() -> None:
    missing = meaning(403, "Resource protected by organization SAML enforcement.", x_github_sso="required")

    assert isinstance(missing, MissingRight)
    assert "single sign-on" in missing.advice


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Bad credentials", BadCredentials),
        (403, "Repository was archived so is read-only.", Archived),
        (403, "Upgrade to GitHub Pro or make this repository public to enable this feature.", PlanLacks),
        (422, "Validation Failed", GitHubError),
    ],
)
def test_an_answer_has_its_kind(status: int, message: str, kind: type[GitHubError]) -> None:
    meant = meaning(status, message)

    assert type(meant) is kind
    assert meant.advice


def test_what_github_says_is_quoted_on_one_line_and_not_too_long() -> None:
    error = GithubException(
        422, {"message": "Validation\nFailed", "errors": [{"message": "x" * 900}, "plain"]}, {}
    )

    said = answers.quote(error)

    assert said.startswith("Validation Failed; xxx")
    assert len(said) == answers.LONGEST_QUOTE


@pytest.mark.parametrize("data", [None, "", {"data": "<html>"}, ["?"], {"message": 7}])
def test_an_answer_that_says_nothing_is_quoted_by_its_status(data: object) -> None:
    assert answers.quote(GithubException(418, data, None)) == "status 418"


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        (
            "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
            BadCredentials,
        ),
        ("remote: Invalid username or token. fatal: Authentication failed for 'https://x/'", BadCredentials),
        ("remote: Repository not found. fatal: repository 'https://x/' not found", Gone),
        ("remote: This repository was archived so it is read-only. fatal: unable to access", Archived),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", MissingRight),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 502", GitHubUnavailable),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 429", RateLimited),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", GitHubUnavailable),
        ("error: RPC failed; HTTP 503 curl 22 The requested URL returned error: 503", GitHubUnavailable),
        ("fatal: early EOF fatal: fetch-pack: invalid index-pack output", GitHubUnavailable),
        (
            "! [remote rejected] main -> main (refusing to update workflow `a.yml` without `workflows` permission)",
            MissingRight,
        ),
        (
            "! [remote rejected] main -> main (refusing to update workflow `a.yml` without `workflow` scope)",
            MissingRight,
        ),
        ("remote: error: GH006: Protected branch update failed for refs/heads/main.", GitHubError),
    ],
)
def test_a_complaint_of_git_has_its_kind(complaint: str, kind: type[GitHubError]) -> None:
    assert type(complaints.meaning(complaint)) is kind
