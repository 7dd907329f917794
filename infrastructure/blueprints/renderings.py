"""Projects that were rendered lately, so that a plan's details and its build need one rendering."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infrastructure.blueprints.digest import digest_of
from infrastructure.blueprints.rendering import Answers, render_directory, require_empty
from infrastructure.disk import named_when_full

MOST_KEPT = 8
MOST_BYTES = 4 * 1024 * 1024
"""Of one project; Telewright's own blueprints make a hundredth of that."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    """From the project's directory."""
    mode: int
    content: bytes


class Renderings:
    """Renders what it has not rendered lately, in this process: Copier takes a second of processor time."""

    def __init__(self, *, most: int = MOST_KEPT) -> None:
        """Begin with none.

        Args:
            most: How many are kept.
        """
        self._most = most
        self._kept: OrderedDict[tuple[str, Answers], Sequence[_File]] = OrderedDict()

    async def render(self, blueprint: Path, answers: Answers, target: Path) -> None:
        """Make a project from the blueprint in a directory, as `render_directory` does.

        Raises:
            BadBlueprint: It is unsafe or does not render.
            DiskFull: The project does not fit.
            BadInput: The target is not empty.
        """
        key = (await asyncio.to_thread(digest_of, blueprint), answers)
        if key in self._kept:
            self._kept.move_to_end(key)
            await asyncio.to_thread(_write, self._kept[key], target)
            return
        await render_directory(blueprint, answers, target)
        files = await asyncio.to_thread(_read, target)
        # One that was changed while it was rendered is neither what it was nor what it is.
        if files is not None and key[0] == await asyncio.to_thread(digest_of, blueprint):
            self._kept[key] = files
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _read(project: Path) -> Sequence[_File] | None:
    """Return a project's files; None if it is more than plain files, or too much to keep."""
    files: list[_File] = []
    left = MOST_BYTES
    for path in sorted(project.rglob("*")):
        if path.is_symlink() or (path.is_dir() and not any(path.iterdir())):
            return None
        if path.is_dir():
            continue
        left -= path.stat().st_size
        if left < 0:
            return None
        files.append(_File(path.relative_to(project), path.stat().st_mode & 0o777, path.read_bytes()))
    return files


def _write(files: Sequence[_File], target: Path) -> None:
    require_empty(target)
    with named_when_full():
        for file in files:
            path = target / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(file.mode)
