"""What stands in a directory and is in no commit of it: what `.gitignore` names, `.git`, empty directories."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from infrastructure.forge.commits import ignored
from infrastructure.forge.git import Git
from infrastructure.forge.protocol import BadTree
from infrastructure.forge.tree import entries


async def remove_omissions(tree: Path) -> None:
    """Leave of a directory what a commit would have, so that what is tested can be had again from one.

    Raises:
        BadTree: There is more in it than anybody would commit, or it cannot be read.
    """
    try:
        found = await asyncio.to_thread(entries, tree)
        # Beside the directory: git looks at nothing without a repository.
        with tempfile.TemporaryDirectory(dir=tree.parent) as directory:
            git = Git(Path(directory))
            await git("init", "--quiet", "--bare", "--template=", directory)
            left_out = await ignored(git, tree, found)
        kept = {entry.path for entry in found} - left_out
        await asyncio.to_thread(_remove_all_but, kept, tree)
    except OSError as error:
        raise BadTree(f"The project cannot be read: {error.strerror}") from error


def _remove_all_but(kept: Collection[str], tree: Path) -> None:
    for parent, directories, names in os.walk(tree, topdown=False):
        for name in names:
            path = Path(parent, name)
            if path.relative_to(tree).as_posix() not in kept:
                path.unlink()
        for name in directories:
            path = Path(parent, name)
            if not path.is_symlink():
                _remove_if_empty(path)
            elif path.relative_to(tree).as_posix() not in kept:
                path.unlink()


def _remove_if_empty(directory: Path) -> None:
    with os.scandir(directory) as content:
        empty = next(content, None) is None
    if empty:
        directory.rmdir()
