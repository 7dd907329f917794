"""Workspaces, with what hostile code may leave in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.workspace import Workspaces
from shared.errors import BadInput, NotFound

RUN = "0198c1c2-1111-7000-8000-000000000000"


@pytest.fixture
def workspaces(tmp_path: Path) -> Workspaces:
    return Workspaces(tmp_path / "home")


async def test_a_workspace_is_the_same_directory_each_time(workspaces: Workspaces) -> None:
    directory = await workspaces.ensure(RUN)
    (directory / "file").write_text("kept")

    assert await workspaces.ensure(RUN) == directory
    assert (directory / "file").read_text() == "kept"


async def test_a_reset_workspace_is_empty(workspaces: Workspaces) -> None:
    directory = await workspaces.ensure(RUN)
    (directory / "file").write_text("old")

    assert await workspaces.reset(RUN) == directory
    assert list(directory.iterdir()) == []


async def test_a_removed_workspace_leaves_nothing(workspaces: Workspaces) -> None:
    directory = await workspaces.ensure(RUN)
    (directory / "file").write_text("old")

    await workspaces.remove(RUN)
    await workspaces.remove(RUN)

    assert list(directory.parent.iterdir()) == []


async def test_what_a_crash_left_half_deleted_is_deleted_with_the_next(workspaces: Workspaces) -> None:
    directory = await workspaces.ensure(RUN)
    half = directory.parent / ".doomed-before" / "deep"
    half.mkdir(parents=True)

    await workspaces.remove(RUN)

    assert list(directory.parent.iterdir()) == []


async def test_removing_follows_no_link(workspaces: Workspaces, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("stays")
    (outside / "precious").chmod(0o400)
    directory = await workspaces.ensure(RUN)
    (directory / "link").symlink_to(outside)
    (directory / "file").symlink_to(outside / "precious")

    await workspaces.remove(RUN)

    assert (outside / "precious").read_text() == "stays"
    assert (outside / "precious").stat().st_mode & 0o777 == 0o400


async def test_a_workspace_that_is_itself_a_link_is_unlinked(workspaces: Workspaces, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("stays")
    directory = await workspaces.ensure(RUN)
    directory.rmdir()
    directory.symlink_to(outside)

    await workspaces.remove(RUN)

    assert (outside / "precious").exists()


async def test_closed_and_very_deep_directories_are_removed(workspaces: Workspaces) -> None:
    directory = await workspaces.ensure(RUN)
    closed = directory / "closed" / "inner"
    closed.mkdir(parents=True)
    (closed / "file").write_text("")
    closed.chmod(0)
    closed.parent.chmod(0)
    deeper = "import os\nfor _ in range(2000): os.mkdir('d'); os.chdir('d')"
    subprocess.run([sys.executable, "-c", deeper], cwd=directory, check=True)

    await workspaces.remove(RUN)

    assert list(directory.parent.iterdir()) == []


async def test_a_file_is_read_up_to_a_limit(workspaces: Workspaces) -> None:
    directory = await workspaces.ensure(RUN)
    (directory / "sub").mkdir()
    (directory / "sub" / "file").write_bytes(b"0123456789")

    assert await workspaces.read(RUN, "sub/file") == b"0123456789"
    assert await workspaces.read(RUN, "sub/file", limit=4) == b"0123"


@pytest.mark.parametrize(
    "path",
    ["link", "linked/secret", "pipe", "sub", "missing", "", ".", "../other", "/etc/passwd", "a\0b", "🦊"],
)
async def test_only_plain_files_of_the_workspace_are_read(
    workspaces: Workspaces, tmp_path: Path, path: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    directory = await workspaces.ensure(RUN)
    (directory / "link").symlink_to(tmp_path / "secret")
    (directory / "linked").symlink_to(tmp_path)
    (directory / "sub").mkdir()
    os.mkfifo(directory / "pipe")

    with pytest.raises(NotFound):
        await workspaces.read(RUN, path)


@pytest.mark.parametrize("run_id", ["", "..", ".", "a/b", "-x", ".doomed-x", "x" * 101, "a\n"])
async def test_an_id_that_leads_elsewhere_is_refused(workspaces: Workspaces, run_id: str) -> None:
    with pytest.raises(BadInput):
        await workspaces.ensure(run_id)
