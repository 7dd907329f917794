"""A GitHub App: its tokens are minted, renewed, and minted anew when GitHub takes them back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infrastructure.forge import NoRepository, Repository
from infrastructure.forge.github import AppTokens, BadCredentials, GitHubForge, MissingRight, NotInstalled
from tests.fakes.github import InstalledApp
from tests.integration.forge.machines import OnGitHub

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR_S = 3600
MINTED = "POST /app/installations/*/access_tokens"


@pytest.fixture
def app(on_github: OnGitHub) -> InstalledApp:
    on_github.github.organisation("globex")
    return on_github.github.app(login="globex")


def as_app(on_github: OnGitHub, app: InstalledApp, *, owner: str = "globex") -> GitHubForge:
    credentials = AppTokens(app.id, app.private_key, on_github.github.url, owner=owner)
    return on_github.elsewhere(credentials=credentials, owner=owner)


def minted(on_github: OnGitHub) -> int:
    return len(on_github.github.requests(MINTED))


async def push(
    forge: GitHubForge, repository: Repository, tree: Path, parent: str | None = None
) -> str:  # fmt: skip
    made = await forge.commit(
        repository, tree, branch="main", message="Begin", author_date=WHEN, expected_parent=parent
    )
    return made.sha


async def test_an_app_makes_a_repository_and_pushes_to_it_with_one_token(
    on_github: OnGitHub, app: InstalledApp, tree: Path
) -> None:
    forge = as_app(on_github, app)

    repository = await forge.ensure_repository("hello", "", owner_key="project-1")
    await push(forge, repository, tree)

    assert on_github.project(repository).full_name == "globex/hello"
    assert minted(on_github) == 1


async def test_many_requests_at_once_mint_one_token(on_github: OnGitHub, app: InstalledApp) -> None:
    forge = as_app(on_github, app)
    repository = await forge.ensure_repository("hello", "", owner_key="project-1")
    fresh = as_app(on_github, app)
    before = minted(on_github)

    await asyncio.gather(*(fresh.checks(repository, "0" * 40) for _ in range(6)), return_exceptions=True)

    assert minted(on_github) == before + 1


async def test_a_token_that_github_takes_no_more_is_minted_anew_in_the_middle_of_work(
    on_github: OnGitHub, app: InstalledApp, tree: Path
) -> None:
    forge = as_app(on_github, app)
    repository = await forge.ensure_repository("hello", "", owner_key="project-1")
    first = await push(forge, repository, tree)
    # The server's clock goes on alone: to us its hour has not passed, and the token is refused.
    on_github.github.advance(HOUR_S + 60)
    (tree / "more").write_text("more")

    second = await push(forge, repository, tree, first)

    assert await forge.head(repository, "main") == second
    assert minted(on_github) >= 2


async def test_a_token_that_is_about_to_expire_is_not_shown_any_more(
    on_github: OnGitHub, app: InstalledApp
) -> None:
    url = on_github.github.url
    lasting = AppTokens(app.id, app.private_key, url, owner="globex")
    ending = AppTokens(
        app.id, app.private_key, url, owner="globex", renewed_before=timedelta(seconds=HOUR_S + 60)
    )

    shown = [await asyncio.to_thread(tokens.token) for tokens in (lasting, lasting, ending, ending)]

    assert shown[0] == shown[1]
    assert shown[2] != shown[3]
    assert minted(on_github) == 3


@pytest.mark.parametrize("ahead_s", [-1800, 1800])
async def test_a_clock_that_is_wrong_is_made_up_for(
    on_github: OnGitHub, app: InstalledApp, tree: Path, ahead_s: int
) -> None:
    on_github.github.advance(ahead_s)
    forge = as_app(on_github, app)

    repository = await forge.ensure_repository("hello", "", owner_key="project-1")

    await push(forge, repository, tree)
    assert minted(on_github) <= 2


async def test_a_key_that_is_not_the_apps_is_said_to_be_bad(on_github: OnGitHub, app: InstalledApp) -> None:
    other = on_github.github.app(login="globex", slug="another")
    wrong = AppTokens(app.id, other.private_key, on_github.github.url, owner="globex")

    with pytest.raises(BadCredentials) as caught:
        await on_github.elsewhere(credentials=wrong, owner="globex").examine()

    assert "GITHUB_APP_PRIVATE_KEY" in caught.value.advice


async def test_what_is_no_key_is_named(on_github: OnGitHub) -> None:
    none = AppTokens(1, "no key", on_github.github.url, owner="globex")

    with pytest.raises(BadCredentials, match="GITHUB_APP_PRIVATE_KEY"):
        await on_github.elsewhere(credentials=none, owner="globex").examine()


async def test_an_app_that_is_not_installed_for_the_owner_is_told_to_be(
    on_github: OnGitHub, app: InstalledApp
) -> None:
    on_github.github.organisation("initech")

    with pytest.raises(MissingRight, match="not installed for initech"):
        await as_app(on_github, app, owner="initech").examine()


async def test_an_app_that_was_installed_anew_goes_on(
    on_github: OnGitHub, app: InstalledApp, tree: Path
) -> None:
    forge = as_app(on_github, app)
    repository = await forge.ensure_repository("hello", "", owner_key="project-1")
    app.reinstall("globex")

    assert await push(forge, repository, tree) == await forge.head(repository, "main")


async def test_an_app_that_is_taken_away_does_not_make_its_repositories_gone(
    on_github: OnGitHub, app: InstalledApp
) -> None:
    url = on_github.github.url
    # Renewed before each request, so that its end comes in the middle of a story.
    hourly = AppTokens(
        app.id, app.private_key, url, owner="globex", renewed_before=timedelta(seconds=HOUR_S + 60)
    )
    forge = on_github.elsewhere(credentials=hourly, owner="globex")
    repository = await forge.ensure_repository("hello", "", owner_key="project-1")
    # The client's own look at the token passes, and the request's does not.
    on_github.github.fail(MINTED, times=None, skip=1, status=404, message="Not Found")

    with pytest.raises(NotInstalled, match="not installed for globex") as caught:
        await forge.checks(repository, "0" * 40)

    assert not isinstance(caught.value, NoRepository)


async def test_rights_that_an_app_was_not_given_are_named(on_github: OnGitHub) -> None:
    on_github.github.organisation("globex")
    few = on_github.github.app(login="globex", permissions={"contents": "write", "issues": "read"})

    with pytest.raises(MissingRight) as caught:
        await as_app(on_github, few).examine()

    assert "issues: write" in caught.value.message
    assert "pull_requests: write" in caught.value.message
    assert "contents" not in caught.value.message


async def test_an_app_that_has_all_it_needs_is_in_order(on_github: OnGitHub, app: InstalledApp) -> None:
    assert await as_app(on_github, app).examine() == "telewright[bot], for repositories of globex"


async def test_a_token_that_has_all_it_needs_is_in_order(on_github: OnGitHub) -> None:
    assert await on_github.elsewhere().examine() == "ann, for repositories of ann"
