"""A mirror is removed whole, and never from under somebody's hands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from infrastructure.forge.mirrors import Mirrors, StandingMirror


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    mirrors = Mirrors(tmp_path)
    mirrors.path(7).mkdir(parents=True)
    (mirrors.path(7) / "description").write_text("hello\n")
    os.utime(mirrors.path(7) / "description", (100, 100))
    os.utime(mirrors.path(7), (200, 200))
    return mirrors


async def test_it_says_when_it_was_made_and_when_it_was_used(mirrors: Mirrors, tmp_path: Path) -> None:
    for other in ("notes", ".new-8", "mine.git", "9.git"):
        (tmp_path / "mirrors" / other).mkdir()
    assert await mirrors.there_are() == [StandingMirror(7, made_at=100, used_at=200)]
    assert await Mirrors(tmp_path / "elsewhere").there_are() == []


async def test_one_that_somebody_is_at_stays(mirrors: Mirrors) -> None:
    [seen] = await mirrors.there_are()
    async with mirrors.alone(7):
        assert not await mirrors.remove_unused(seen)
    assert mirrors.path(7).is_dir()

    assert await mirrors.remove_unused(seen)
    assert not mirrors.path(7).exists()


async def test_one_that_was_used_since_it_was_seen_stays(mirrors: Mirrors) -> None:
    [seen] = await mirrors.there_are()
    os.utime(mirrors.path(7), (300, 300))
    assert not await mirrors.remove_unused(seen)
    assert mirrors.path(7).is_dir()


async def test_nothing_is_left_of_it_nor_of_what_a_killed_process_has_put_aside(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    (tmp_path / "mirrors" / ".doomed-before" / "objects").mkdir(parents=True)
    await mirrors.remove(7)
    await mirrors.remove(8)
    assert [path.name for path in (tmp_path / "mirrors").iterdir()] == [".locks"]
