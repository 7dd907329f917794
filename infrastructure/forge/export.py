"""Writing a commit's files into a directory: hostile, since whoever may push wrote them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from infrastructure.forge.git import Git
from infrastructure.forge.protocol import BadTree

MOST_FILES = 100_000
MOST_BYTES = 1024**3


async def write_out(git: Git, commit: str, target: Path) -> None:
    """Write the files of a commit, with its date, into an empty directory, or nothing.

    git itself refuses names that lead outside, and never writes through a link.

    Raises:
        BadTree: It is too large, or a link in it leads outside.
    """
    await _check_size(git, commit)
    moment = int(await git.text("show", "--no-patch", "--format=%ct", commit))
    with tempfile.TemporaryDirectory(prefix="telewright-export-") as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        await git("read-tree", commit, environment=index)
        await git("checkout-index", "--all", tree=target, environment=index)
    outside = await asyncio.to_thread(_link_that_leads_outside, target)
    if outside is not None:
        await asyncio.to_thread(_empty, target)
        raise BadTree(f"The commit cannot be exported: the link {outside!r} leads outside")
    await asyncio.to_thread(_date, target, moment)


async def _check_size(git: Git, commit: str) -> None:
    listed = (await git("ls-tree", "-r", "-z", "--format=%(objectsize)", commit)).output
    # A submodule has no size, and becomes an empty directory.
    sizes = [int(size) for size in listed.split(b"\0") if size.isdigit()]
    if len(sizes) > MOST_FILES or sum(sizes) > MOST_BYTES:
        raise BadTree(
            f"The commit cannot be exported: it has {len(sizes)} files of {sum(sizes)} bytes together; "
            f"{MOST_FILES} files and {MOST_BYTES} bytes are allowed"
        )


def _link_that_leads_outside(target: Path) -> str | None:
    root = target.resolve()
    for path in target.rglob("*"):
        if path.is_symlink() and not _stays_inside(path, root):
            return str(path.relative_to(target))
    return None


def _stays_inside(link: Path, root: Path) -> bool:
    try:
        return not link.readlink().is_absolute() and link.resolve().is_relative_to(root)
    except (OSError, RuntimeError):
        # It leads in a circle.
        return False


def _date(target: Path, moment: int) -> None:
    """Give everything the commit's date, so that what is built of it is the same each time."""
    for path in [*target.rglob("*"), target]:
        os.utime(path, (moment, moment), follow_symlinks=False)


def _empty(target: Path) -> None:
    for path in target.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
