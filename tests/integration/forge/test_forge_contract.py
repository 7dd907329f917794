"""What every forge promises, held against each of them: local repositories, and GitHub."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure.forge import (
    BadTree,
    BranchMoved,
    Commit,
    Forge,
    NameTaken,
    NoCommit,
    NoRepository,
    Repository,
)
from shared.errors import BadInput
from tests.integration.forge.machines import OnGitHub, Place, ThisMachine

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(params=["local", "github"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return ThisMachine(tmp_path / "home")
    github: OnGitHub = request.getfixturevalue("on_github")
    return github


@pytest.fixture
def forge(place: Place) -> Forge:
    return place.elsewhere()


@pytest.fixture
async def repository(forge: Forge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


async def commit(
    forge: Forge,
    repository: Repository,
    tree: Path,
    *,
    parent: str | None = None,
    message: str = "Begin",
    branch: str = "main",
) -> Commit:
    return await forge.commit(
        repository, tree, branch=branch, message=message, author_date=WHEN, expected_parent=parent
    )


async def test_a_repository_is_made_once(forge: Forge, repository: Repository) -> None:
    assert await forge.ensure_repository("hello", "A greeting", owner_key="project-1") == repository
    assert (
        await forge.ensure_repository("hello", "A greeting", owner_key="project-1", known_id=repository.id)
        == repository
    )


async def test_a_name_of_another_project_is_taken(forge: Forge, repository: Repository) -> None:
    with pytest.raises(NameTaken, match="hello"):
        await forge.ensure_repository("hello", "Mine", owner_key="project-2")


async def test_of_projects_that_want_a_name_at_once_one_gets_it(forge: Forge) -> None:
    results = await asyncio.gather(
        *(forge.ensure_repository("hello", "", owner_key=f"project-{number}") for number in range(4)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, Repository) for result in results) == 1
    assert sum(isinstance(result, NameTaken) for result in results) == 3


@pytest.mark.parametrize("name", ["../../etc", "a/b", ".git", "A", "x" * 200])
async def test_a_name_that_leads_elsewhere_is_refused(forge: Forge, name: str) -> None:
    with pytest.raises(BadInput):
        await forge.ensure_repository(name, "", owner_key="project-1")


async def test_a_commit_can_be_written_out_again(
    forge: Forge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    (tree / 'odd "name" 🦊').write_text("odd")
    (tree / ".gitignore").write_text("*.log\n")
    (tree / "a.log").write_text("")

    made = await commit(forge, repository, tree)
    await forge.export(repository, made.sha, tmp_path / "out")

    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "app", "README.md", ".gitignore", 'odd "name" 🦊',
    }  # fmt: skip
    assert (tmp_path / "out" / "app" / "main.py").read_text() == "print('hello')\n"
    assert await forge.head(repository, "main") == made.sha
    assert await forge.head(repository, "other") is None


async def test_every_forge_makes_the_same_commit(forge: Forge, repository: Repository, tree: Path) -> None:
    assert (await commit(forge, repository, tree)).sha == "f10c5264e09fe2b4ef7950a177d1228f6eb23e7e"


async def test_the_same_commit_again_changes_nothing(
    forge: Forge, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)

    assert await commit(forge, repository, tree) == first
    assert len(await forge.log(repository, "main")) == 1


async def test_an_early_commit_repeated_after_a_later_one_changes_nothing(
    forge: Forge, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)
    (tree / "more.txt").write_text("more")
    second = await commit(forge, repository, tree, parent=first.sha, message="Go on")
    (tree / "more.txt").unlink()

    assert await commit(forge, repository, tree) == first
    assert await forge.head(repository, "main") == second.sha


async def test_a_branch_that_another_machine_has_pushed_to_is_not_overwritten(
    place: Place, forge: Forge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    first = await commit(forge, repository, tree)
    (tree / "theirs.txt").write_text("theirs")
    theirs = await commit(place.elsewhere(), repository, tree, parent=first.sha, message="Theirs")
    (tree / "mine.txt").write_text("mine")

    with pytest.raises(BranchMoved):
        await commit(forge, repository, tree, parent=first.sha, message="Mine")
    mine = await commit(forge, repository, tree, parent=theirs.sha, message="Mine")

    log = await place.elsewhere().log(repository, "main")
    assert [(entry.sha, entry.subject) for entry in log] == [
        (mine.sha, "Mine"),
        (theirs.sha, "Theirs"),
        (first.sha, "Begin"),
    ]
    assert log[0].authored_at == WHEN
    await place.elsewhere().export(repository, theirs.sha, tmp_path / "out")
    assert not (tmp_path / "out" / "mine.txt").exists()


async def test_of_two_machines_that_commit_at_once_one_is_told_that_the_branch_has_moved(
    place: Place, forge: Forge, repository: Repository, tree: Path
) -> None:
    first = await commit(forge, repository, tree)

    results = await asyncio.gather(
        commit(forge, repository, tree, parent=first.sha, message="One"),
        commit(place.elsewhere(), repository, tree, parent=first.sha, message="Other"),
        return_exceptions=True,
    )

    assert sorted(type(result).__name__ for result in results) == ["BranchMoved", "Commit"]
    assert len(await forge.log(repository, "main")) == 2


async def test_two_machines_that_commit_the_same_at_once_make_one_commit(
    place: Place, forge: Forge, repository: Repository, tree: Path
) -> None:
    made = await asyncio.gather(
        commit(forge, repository, tree), commit(place.elsewhere(), repository, tree)
    )  # fmt: skip

    assert len({each.sha for each in made}) == 1
    assert len(await forge.log(repository, "main")) == 1


async def test_a_parent_that_does_not_exist_is_a_moved_branch(
    forge: Forge, repository: Repository, tree: Path
) -> None:
    with pytest.raises(BranchMoved):
        await commit(forge, repository, tree, parent="1" * 40)


async def test_what_must_not_be_committed_is_refused(
    forge: Forge, repository: Repository, tree: Path
) -> None:
    (tree / "link").symlink_to("/etc/passwd")

    with pytest.raises(BadTree, match="link"):
        await commit(forge, repository, tree)
    assert await forge.head(repository, "main") is None


@pytest.mark.parametrize("sha", ["0" * 40, "main", "--output=/tmp/x"])
async def test_only_a_commits_full_id_is_exported(
    forge: Forge, repository: Repository, tree: Path, tmp_path: Path, sha: str
) -> None:
    await commit(forge, repository, tree)

    with pytest.raises(NoCommit):
        await forge.export(repository, sha, tmp_path / "out")


async def test_saved_work_is_found_by_another_machine_until_it_is_dropped(
    place: Place, forge: Forge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    await forge.save_work(repository, tree, run="run-1", author_date=WHEN)
    (tree / "draft.py").write_text("draft")
    sha = await forge.save_work(repository, tree, run="run-1", author_date=WHEN)

    found = await place.elsewhere().saved_work(repository, run="run-1")
    assert found == sha
    await place.elsewhere().export(repository, sha, tmp_path / "out")
    assert (tmp_path / "out" / "draft.py").read_text() == "draft"
    assert await forge.log(repository, "main") == []

    await forge.drop_work(repository, run="run-1")
    await forge.drop_work(repository, run="run-1")
    assert await forge.saved_work(repository, run="run-1") is None


async def test_an_archived_repository_frees_its_name(
    forge: Forge, repository: Repository, tree: Path
) -> None:
    await commit(forge, repository, tree)

    with pytest.raises(NameTaken):
        await forge.archive(repository, owner_key="project-2")
    await forge.archive(repository, owner_key="project-1")
    await forge.archive(repository, owner_key="project-1")
    fresh = await forge.ensure_repository("hello", "Another", owner_key="project-1")

    assert await forge.head(fresh, "main") is None


async def test_a_removed_repository_is_gone_and_another_projects_stays(
    forge: Forge, repository: Repository
) -> None:
    with pytest.raises(NameTaken):
        await forge.remove(repository, owner_key="project-2")
    await forge.remove(repository, owner_key="project-1")
    await forge.remove(repository, owner_key="project-1")

    with pytest.raises(NoRepository):
        await forge.head(repository, "main")
