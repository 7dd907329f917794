"""Commits that depend on their content alone: the same directory, date and parent, the same id."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from infrastructure.forge.git import Git
from infrastructure.forge.protocol import BadTree
from infrastructure.forge.tree import Entry, entries, refuse_what_cannot_be_committed
from shared.errors import BadInput

AUTHOR = ("Telewright", "telewright@localhost")
INDEX = "telewright-index"
"""Inside the repository and outside the directory that is committed."""

_TRAILER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")


async def write_tree(git: Git, tree: Path) -> str:
    """Write a directory's content into the repository and return the tree's id.

    The caller holds the repository's lock, since the index is one for all.

    Raises:
        BadTree: The directory has something in it that must not be committed.
    """
    try:
        found = await asyncio.to_thread(entries, tree)
        left_out = await ignored(git, tree, found)
        kept = [entry for entry in found if entry.path not in left_out]
        await asyncio.to_thread(refuse_what_cannot_be_committed, tree, kept)
    except OSError as error:
        raise BadTree(f"The project cannot be read: {error.strerror}") from error
    blobs = await _write_blobs(git, tree, kept)
    lines = "".join(f"{entry.git_mode} {blobs[entry.path]}\t{entry.path}\0" for entry in kept)
    index = {"GIT_INDEX_FILE": INDEX}
    ended = await git("update-index", "-z", "--index-info", content=lines.encode(), environment=index)
    if refused := re.search(r"^Ignoring path (.*)$", ended.errors, re.MULTILINE):
        raise BadTree(f"{refused[1]!r} cannot be committed: git refuses its name")
    return (await git("write-tree", environment=index)).output.decode().strip()


async def ignored(git: Git, tree: Path, found: Sequence[Entry]) -> set[str]:
    """Return the paths that the directory's `.gitignore` files name; any repository does for asking."""
    if not found:
        return set()
    paths = b"".join(os.fsencode(entry.path) + b"\0" for entry in found)
    ended = await git(
        "check-ignore", "--no-index", "-z", "--stdin", content=paths, tree=tree, allowed=(0, 1)
    )  # fmt: skip
    return {os.fsdecode(path) for path in ended.output.split(b"\0") if path}


async def _write_blobs(git: Git, tree: Path, kept: Sequence[Entry]) -> dict[str, str]:
    files = [entry for entry in kept if not entry.is_link]
    blobs: dict[str, str] = {}
    if files:
        # `./`, because git would unquote a name that begins with a quotation mark.
        paths = "".join(f"./{entry.path}\n" for entry in files)
        ended = await git(
            "hash-object", "-w", "--no-filters", "--stdin-paths", content=paths.encode(), tree=tree
        )  # fmt: skip
        blobs.update(zip((entry.path for entry in files), ended.output.decode().split(), strict=True))
    for entry in kept:
        if entry.is_link:
            target = os.fsencode((tree / entry.path).readlink())
            blobs[entry.path] = await git.text("hash-object", "-w", "--stdin", content=target)
    return blobs


async def write_commit(git: Git, tree: str, message: str, date: datetime, parent: str | None) -> str:
    """Write a commit that depends on nothing but the arguments, and return its id."""
    if date.tzinfo is None:
        raise BadInput("A commit's date needs a time zone")
    name, address = AUTHOR
    moment = f"{int(date.astimezone(UTC).timestamp())} +0000"
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", address), ("DATE", moment))
    }
    parents = () if parent is None else ("-p", parent)
    ended = await git(
        "commit-tree", tree, *parents, "-F", "-", content=message.encode(), environment=identity
    )
    return ended.output.decode().strip()


def full_message(message: str, trailers: Mapping[str, str]) -> str:
    """Return a commit's message with its trailers.

    Raises:
        BadInput: It is empty, or a trailer's key is none.
    """
    text = "\n".join(line.rstrip() for line in message.replace("\0", "").splitlines()).strip()
    if not text:
        raise BadInput("A commit needs a message")
    lines = []
    for key, value in trailers.items():
        if not _TRAILER.fullmatch(key):
            raise BadInput(f"{key!r} cannot be the name of a trailer")
        lines.append(f"{key}: {' '.join(value.split())}")
    paragraphs = [text, "\n".join(lines)] if lines else [text]
    return "\n\n".join(paragraphs) + "\n"
