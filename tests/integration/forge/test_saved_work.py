"""Work in progress that is kept where no branch and no person sees it, in local repositories."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infrastructure.forge import BadTree, LocalForge, NoRepository, Repository
from shared.errors import BadInput

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def forge(tmp_path: Path) -> LocalForge:
    return LocalForge(tmp_path / "home")


@pytest.fixture
async def repository(forge: LocalForge) -> Repository:
    return await forge.ensure_repository("hello", "A greeting", owner_key="project-1")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "draft.py").write_text("print('half')\n")
    return tmp_path / "tree"


async def test_saved_work_is_found_and_written_out_again(
    forge: LocalForge, repository: Repository, tree: Path, tmp_path: Path
) -> None:
    sha = await forge.save_work(repository, tree, run="run-1", author_date=WHEN)

    assert await forge.saved_work(repository, run="run-1") == sha
    assert await forge.saved_work(repository, run="run-2") is None
    assert await forge.head(repository, "main") is None
    await forge.export(repository, sha, tmp_path / "out")
    assert (tmp_path / "out" / "draft.py").read_text() == "print('half')\n"


async def test_what_is_saved_later_replaces_what_was_saved_before(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    first = await forge.save_work(repository, tree, run="run-1", author_date=WHEN)
    assert await forge.save_work(repository, tree, run="run-1", author_date=WHEN) == first
    (tree / "draft.py").write_text("print('whole')\n")

    second = await forge.save_work(repository, tree, run="run-1", author_date=WHEN)

    assert second != first
    assert await forge.saved_work(repository, run="run-1") == second


async def test_dropped_work_is_gone_and_dropping_it_again_is_fine(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    await forge.save_work(repository, tree, run="run-1", author_date=WHEN)

    await forge.drop_work(repository, run="run-1")
    await forge.drop_work(repository, run="run-1")

    assert await forge.saved_work(repository, run="run-1") is None


async def test_work_that_must_not_be_committed_is_not_saved(
    forge: LocalForge, repository: Repository, tree: Path
) -> None:
    (tree / "link").symlink_to("/etc")

    with pytest.raises(BadTree):
        await forge.save_work(repository, tree, run="run-1", author_date=WHEN)


@pytest.mark.parametrize("run", ["../heads/main", "", "a b", "-x"])
async def test_a_run_whose_name_leads_elsewhere_is_refused(
    forge: LocalForge, repository: Repository, tree: Path, run: str
) -> None:
    with pytest.raises(BadInput):
        await forge.save_work(repository, tree, run=run, author_date=WHEN)


async def test_nothing_is_saved_where_there_is_no_repository(forge: LocalForge, tree: Path) -> None:
    with pytest.raises(NoRepository):
        await forge.save_work(Repository("absent", ""), tree, run="run-1", author_date=WHEN)
