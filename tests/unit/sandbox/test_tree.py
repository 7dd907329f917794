from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from infrastructure.warden import tree


def nest(directory: Path, depth: int) -> None:
    for _ in range(depth):
        directory /= "d"
        directory.mkdir()


def test_the_size_counts_blocks_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(bytes(1 << 20))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "sparse").touch()
    os.truncate(inside / "sparse", 1 << 30)

    assert tree.size(str(inside)) < 100_000
    (inside / "real").write_bytes(bytes(1 << 20))
    assert tree.size(str(inside)) > 1 << 20


def test_what_is_nested_too_deep_is_no_tree_to_walk(tmp_path: Path) -> None:
    nest(tmp_path, tree.MAX_DEPTH + 1)

    with pytest.raises(tree.TooDeep):
        tree.size(str(tmp_path))


def test_taken_back_everything_can_be_deleted(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    nest(top, tree.MAX_DEPTH + 20)
    (top / "closed").mkdir(mode=0)
    (top / "program").touch(mode=0o700)
    (top / "program").chmod(0o6755)

    tree.take_back(str(top), None)

    assert (top / "program").stat().st_mode & 0o7777 == 0o755
    assert (top / "closed").stat().st_mode & 0o700 == 0o700
    assert tree.size(str(top))
    shutil.rmtree(top)


def test_taking_back_touches_nothing_a_link_points_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o400)
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(outside)

    tree.take_back(str(top), None)

    assert outside.stat().st_mode & 0o777 == 0o400


def test_handed_over_no_file_is_shared_with_the_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("content")
    outside.chmod(0o444)
    top = tmp_path / "top"
    top.mkdir()
    (top / "file").hardlink_to(outside)
    written = outside.stat().st_mtime_ns

    tree.hand_over(str(top), None)

    inside = (top / "file").stat()
    assert inside.st_ino != outside.stat().st_ino
    assert (inside.st_nlink, inside.st_mode & 0o777, inside.st_mtime_ns) == (1, 0o444, written)
    assert (top / "file").read_text() == "content"
    assert [path.name for path in top.iterdir()] == ["file"]
