"""What a commit has in it, without writing it out: its files by their hashes, and contents by hashes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Protocol

from infrastructure.forge.git import Git
from infrastructure.forge.protocol import ForgeUnavailable, NoCommit, Repository

_PLAIN_FILES: Final = frozenset({"100644", "100755"})
"""Modes of what has content of its own; symbolic links and submodules have not."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file of a commit."""

    path: str
    """With `/`; bytes that are no UTF-8 are U+FFFD."""
    blob_sha: str
    size: int


class Reading(Protocol):
    """What a forge promises to those who only read."""

    async def head(self, repository: Repository, branch: str) -> str | None:
        """Return the commit a branch stands at, or None if there is no such branch."""
        ...

    async def files(self, repository: Repository, commit: str) -> list[FileInfo]:
        """Return the plain files of a commit.

        Raises:
            NoCommit: The repository has no such commit.
        """
        ...

    async def contents(self, repository: Repository, blobs: Collection[str]) -> dict[str, bytes]:
        """Return the contents with these hashes, without those that the repository does not have."""
        ...


async def files(git: Git, commit: str) -> list[FileInfo]:
    """See `Reading.files`."""
    listing = await git("ls-tree", "-r", "-z", "-l", "--full-tree", commit, allowed=(0, 128))
    if listing.exit_code:
        raise NoCommit(f"The repository has no commit {commit[:12]}: {listing.complaint}")
    entries = (_parsed(entry) for entry in listing.output.split(b"\0") if entry)
    return [entry for entry in entries if entry is not None]


async def contents(git: Git, blobs: Collection[str]) -> dict[str, bytes]:
    """See `Reading.contents`."""
    if not blobs:
        return {}
    asked = "".join(f"{sha}\n" for sha in blobs).encode()
    output = (await git("cat-file", "--batch", content=asked)).output
    found: dict[str, bytes] = {}
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        # "<sha> blob <size>", or "<sha> missing" with nothing behind it: gitformat of `cat-file --batch`.
        sha, kind, *size = output[position:end].decode().split(" ")
        position = end + 1
        if kind == "missing":
            continue
        if kind != "blob":
            raise ForgeUnavailable(f"git cat-file said {kind!r} of {sha[:12]}")
        found[sha] = output[position : position + int(size[0])]
        position += int(size[0]) + 1
    return found


def _parsed(entry: bytes) -> FileInfo | None:
    """Return what a line of `ls-tree -l` says: mode, type, hash, size, a tab, the path."""
    facts, _, path = entry.partition(b"\t")
    mode, _, sha, size = facts.decode().split()
    if mode not in _PLAIN_FILES:
        return None
    return FileInfo(path.decode(errors="replace"), sha, int(size))
