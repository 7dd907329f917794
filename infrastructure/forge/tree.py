"""What of a directory becomes a commit, when nobody vouches for the directory.

Nothing here follows a symbolic link, opens a file that is no plain one, or
takes a `.git` inside the directory for a repository.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infrastructure.forge.protocol import BadTree

MOST_ENTRIES = 200_000
"""Files and directories that are looked at, ignored ones included."""
MOST_FILES = 20_000
DEEPEST = 40
LARGEST_FILE = 50 * 1024 * 1024
LARGEST_TREE = 250 * 1024 * 1024
LARGEST_IGNORE_FILE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or symbolic link of a directory."""

    path: str
    """From the directory, with `/`."""
    mode: int
    size: int

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def git_mode(self) -> str:
        """The mode that git knows for it."""
        if self.is_link:
            return "120000"
        return "100755" if self.mode & stat.S_IXUSR else "100644"


def entries(tree: Path) -> list[Entry]:
    """Return all that is in a directory, `.git` aside.

    Raises:
        BadTree: There is more than anybody would commit, or a `.gitignore` that is no plain file.
    """
    found: list[Entry] = []
    for entry in _walk(tree):
        found.append(entry)
        if len(found) > MOST_ENTRIES:
            raise BadTree(f"The project has more than {MOST_ENTRIES} files")
        if PurePosixPath(entry.path).name == ".gitignore" and (
            not stat.S_ISREG(entry.mode) or entry.size > LARGEST_IGNORE_FILE
        ):
            raise BadTree(f"{entry.path!r} is no plain file of at most {LARGEST_IGNORE_FILE} bytes")
    return sorted(found, key=lambda entry: os.fsencode(entry.path))


def refuse_what_cannot_be_committed(tree: Path, kept: Collection[Entry]) -> None:
    """Complain about entries that must not become part of a commit.

    Raises:
        BadTree: The message names the first of them and says why.
    """
    if len(kept) > MOST_FILES:
        raise BadTree(f"The project has {len(kept)} files; {MOST_FILES} is the most")
    links = {entry.path for entry in kept if entry.is_link}
    for entry in kept:
        if fault := _fault(tree, entry, links):
            raise BadTree(f"{entry.path!r} cannot be committed: {fault}")
    if (total := sum(entry.size for entry in kept)) > LARGEST_TREE:
        raise BadTree(f"The project has {total >> 20} MiB; {LARGEST_TREE >> 20} MiB is the most")


def _walk(tree: Path) -> Iterator[Entry]:
    """Go through a directory without recursion, whose depth a hostile tree would choose."""
    waiting: list[tuple[str, int]] = [("", 0)]
    while waiting:
        parent, depth = waiting.pop()
        if depth > DEEPEST:
            raise BadTree(f"The project's directories are more than {DEEPEST} deep")
        with os.scandir(tree / parent) as content:
            for item in content:
                if item.name.lower() == ".git":
                    continue
                path = f"{parent}/{item.name}" if parent else item.name
                status = item.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((path, depth + 1))
                else:
                    yield Entry(path, status.st_mode, status.st_size)


def _fault(tree: Path, entry: Entry, links: Collection[str]) -> str | None:
    if not entry.path.isprintable():
        # Control characters, and bytes that are no UTF-8.
        return "its name has characters that cannot be shown"
    if entry.is_link:
        return _link_fault(tree, entry, links)
    if not stat.S_ISREG(entry.mode):
        return "it is neither a file nor a directory"
    if entry.size > LARGEST_FILE:
        return f"it has {entry.size >> 20} MiB, and {LARGEST_FILE >> 20} MiB is the most"
    return None


def _link_fault(tree: Path, entry: Entry, links: Collection[str]) -> str | None:
    """Say why a symbolic link might lead outside, on any machine that checks it out."""
    target = str((tree / entry.path).readlink())
    if target.startswith("/") or not target.isprintable():
        return "it is a symbolic link to outside the project"
    where = list(PurePosixPath(entry.path).parent.parts)
    for part in PurePosixPath(target).parts:
        if part == "..":
            if not where:
                return "it is a symbolic link to outside the project"
            where.pop()
        else:
            where.append(part)
        # Past another link, `..` would mean something else than it says.
        if "/".join(where) in links:
            return "it is a symbolic link to another one"
    if any(part.lower() == ".git" for part in where):
        return "it is a symbolic link into .git"
    return None
