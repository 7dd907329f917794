"""What a service wrote is removed with it, whatever it did against that."""

from __future__ import annotations

import os
from pathlib import Path

from infrastructure.deploy.module_utils.telewright.places import delete


def test_what_is_deeper_than_python_can_go_is_removed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    deep = os.open(data, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("a", dir_fd=deep)
        deep, above = os.open("a", os.O_RDONLY, dir_fd=deep), deep
        os.close(above)
    os.close(deep)

    delete(data)

    assert not data.exists()


def test_what_a_service_has_closed_is_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("ours")
    kept.chmod(0o400)
    closed = tmp_path / "data" / "closed"
    closed.mkdir(parents=True)
    (closed / "file").write_text("theirs")
    (closed / "link").symlink_to(kept)
    closed.chmod(0)

    delete(tmp_path / "data")

    assert not (tmp_path / "data").exists()
    assert kept.read_text() == "ours"
    assert kept.stat().st_mode & 0o777 == 0o400


def test_what_is_gone_already_is_fine(tmp_path: Path) -> None:
    delete(tmp_path / "data")
