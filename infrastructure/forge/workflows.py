"""Whether a change touches what runs with a repository's rights: the workflows of GitHub Actions."""

from __future__ import annotations

from pathlib import Path

from infrastructure.forge.bare import BareRepository
from infrastructure.forge.commits import write_tree

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What git knows the tree of nothing by."""

_PLACE = ":(icase).github/workflows"
"""Also in another case, and also when it is a file or link."""


async def changed_in_tree(repository: BareRepository, tree: Path, since: str | None) -> tuple[str, ...]:
    """Return the paths of workflows in which a directory differs from a commit, or from nothing."""
    content = await write_tree(repository.git, tree)
    before = f"{since}^{{tree}}" if since else _EMPTY_TREE
    ended = await repository.git(
        "diff-tree", "-r", "-z", "--name-only", "--no-renames", before, content, "--", _PLACE
    )
    return _paths(ended.output)


async def changed_in_history(repository: BareRepository, base: str | None, head: str) -> tuple[str, ...]:
    """Return the paths of workflows that any commit between two touches, even if a later one undoes it."""
    commits = (head,) if base is None else (head, f"^{base}")
    ended = await repository.git(
        "log", "-m", "-z", "--format=", "--name-only", "--no-renames", *commits, "--", _PLACE
    )
    return _paths(ended.output)


def _paths(output: bytes) -> tuple[str, ...]:
    found = {path.decode(errors="replace").strip("\n") for path in output.split(b"\0")}
    return tuple(sorted(found - {""}))
