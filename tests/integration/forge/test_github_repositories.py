"""Whose a repository on GitHub is, whatever is done to it there."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure.forge import Commit, NameTaken, Repository
from infrastructure.forge.github import Archived, GitHubForge, Gone, MissingRight
from infrastructure.forge.mirrors import Mirrors
from shared.errors import BadSetting
from tests.integration.forge.machines import OnGitHub

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def forge(on_github: OnGitHub) -> GitHubForge:
    return on_github.elsewhere()


@pytest.fixture
async def repository(forge: GitHubForge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


async def commit(forge: GitHubForge, repository: Repository, tree: Path, parent: str | None = None) -> Commit:
    return await forge.commit(
        repository, tree, branch="main", message="Begin", author_date=WHEN, expected_parent=parent
    )


async def test_the_key_stands_in_the_description_until_the_id_is_recorded(
    forge: GitHubForge, on_github: OnGitHub
) -> None:
    made = await forge.ensure_repository("hello", "A\ngreeting", owner_key="project-1")
    assert on_github.project(made).about["description"] == "A greeting [telewright project-1]"
    assert on_github.project(made).about["private"]

    again = await forge.ensure_repository("hello", "", owner_key="project-1", known_id=made.id)

    assert again == made
    assert on_github.project(made).about["description"] == "A greeting"
    assert await forge.ensure_repository("hello", "", owner_key="project-1", known_id=made.id) == made


async def test_a_repository_that_somebody_made_is_not_ours(forge: GitHubForge, on_github: OnGitHub) -> None:
    on_github.github.create("hello", description="Mine")

    with pytest.raises(NameTaken, match="hello"):
        await forge.ensure_repository("hello", "A greeting", owner_key="project-1")
    with pytest.raises(NameTaken):
        await forge.archive(Repository("hello", ""), owner_key="project-1")
    with pytest.raises(NameTaken):
        await forge.remove(Repository("hello", ""), owner_key="project-1")


async def test_an_answer_that_is_lost_after_the_creation_makes_no_second_repository(
    forge: GitHubForge, on_github: OnGitHub
) -> None:
    on_github.github.fail("POST /user/repos", after_effect=True)

    made = await forge.ensure_repository("hello", "", owner_key="project-1")

    assert [each.id for each in on_github.github.repositories] == [made.id]


async def test_two_machines_make_one_repository(on_github: OnGitHub) -> None:
    made = await asyncio.gather(
        *(on_github.elsewhere().ensure_repository("hello", "", owner_key="project-1") for _ in range(4))
    )

    assert [each.id for each in on_github.github.repositories] == [made[0].id]
    assert len(set(made)) == 1


async def test_a_renamed_repository_is_followed_by_its_id(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)
    on_github.project(repository).rename("welcome")
    # Somebody takes the old name: what we push must not go there.
    other = on_github.github.create("hello")
    (tree / "more").write_text("more")

    second = await commit(forge, repository, tree, first.sha)

    assert await forge.head(repository, "main") == second.sha
    assert "welcome" in second.url
    found = await forge.ensure_repository("hello", "", owner_key="project-1", known_id=repository.id)
    assert (found.name, found.id) == ("welcome", repository.id)
    assert on_github.github.repository("hello").id == other.id
    assert other.refs() == {}


async def test_a_repository_that_was_renamed_before_its_id_was_recorded_is_found_by_the_key(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.project(repository).rename("welcome")

    found = await forge.ensure_repository("hello", "", owner_key="project-1")

    assert (found.name, found.id) == ("welcome", repository.id)
    other = await forge.ensure_repository("hello", "", owner_key="project-2")
    assert other.id != repository.id


async def test_a_repository_that_was_archived_by_hand_is_not_written_to(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    on_github.project(repository).archive()

    for attempt in (
        commit(forge, repository, tree),
        forge.save_work(repository, tree, run="run-1", author_date=WHEN),
        forge.ensure_repository("hello", "", owner_key="project-1"),
        forge.set_variables(repository, {"A": "1"}),
    ):
        with pytest.raises(Archived) as caught:
            await attempt
        assert "narchive it" in caught.value.advice


async def test_a_repository_that_was_deleted_is_not_made_anew_once_it_was_recorded(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    on_github.project(repository).delete()

    for attempt in (
        forge.ensure_repository("hello", "", owner_key="project-1", known_id=repository.id),
        forge.head(repository, "main"),
        commit(forge, repository, tree),
    ):
        with pytest.raises(Gone):
            await attempt
    await forge.archive(repository, owner_key="project-1")
    await forge.remove(repository, owner_key="project-1")
    assert on_github.github.repositories == []


async def test_what_is_put_away_keeps_its_history_under_another_name(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path
) -> None:
    made = await commit(forge, repository, tree)

    await forge.archive(repository, owner_key="project-1")

    about = on_github.project(repository).about
    assert about["archived"]
    assert about["name"] == f"hello-archived-{repository.id}"
    assert about["refs"]["refs/heads/main"] == made.sha


async def test_what_was_archived_by_hand_can_be_put_away(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository
) -> None:
    on_github.project(repository).archive()

    await forge.archive(repository, owner_key="project-1")

    assert on_github.project(repository).about["archived"]
    fresh = await forge.ensure_repository("hello", "", owner_key="project-2")
    assert fresh.id != repository.id


async def test_nothing_is_left_here_of_what_is_removed(
    forge: GitHubForge, on_github: OnGitHub, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    await commit(forge, repository, tree)
    assert len(list(tmp_path.glob("home-*/mirrors/*.git"))) == 1

    await forge.remove(repository, owner_key="project-1")

    assert on_github.github.repositories == []
    assert not list(tmp_path.glob("home-*/mirrors/*.git"))


async def test_a_mirror_that_is_used_says_so_and_one_that_is_gone_is_fetched_anew(
    forge: GitHubForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    made = await commit(forge, repository, tree)
    assert repository.id is not None
    # Whoever comes next tidies up after the commit, which changes the directory too.
    await forge.log(repository, "main")
    mirrors = Mirrors(next(tmp_path.glob("home-*")))
    os.utime(mirrors.path(repository.id), (0, 0))

    assert [entry.sha for entry in await forge.log(repository, "main")] == [made.sha]
    [standing] = await mirrors.there_are()
    assert standing.used_at > 0

    assert await mirrors.remove_unused(standing)
    assert await mirrors.there_are() == []
    assert [entry.sha for entry in await forge.log(repository, "main")] == [made.sha]


async def test_an_organisations_repositories_are_made_there(on_github: OnGitHub) -> None:
    on_github.github.organisation("globex")

    made = await on_github.elsewhere(owner="globex").ensure_repository("hello", "", owner_key="project-1")

    assert on_github.project(made).about["full_name"] == "globex/hello"


async def test_an_owner_that_lets_nobody_in_or_does_not_exist_is_named(on_github: OnGitHub) -> None:
    on_github.github.user("somebody")

    with pytest.raises(MissingRight) as missing:
        await on_github.elsewhere(owner="somebody").ensure_repository("hello", "", owner_key="project-1")
    assert "GITHUB_OWNER" in missing.value.advice
    with pytest.raises(BadSetting, match="GITHUB_OWNER"):
        await on_github.elsewhere(owner="nobody").ensure_repository("hello", "", owner_key="project-1")
