"""A bare repository on disk, and what the server asks git about it.

What one call of git costs is a few milliseconds, and the server makes it wait: refs are kept in memory
until something writes them, commits for good.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}
CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
\thooksPath = {hooks}
\tlogAllRefUpdates = false
\tfsync = none
[http]
\treceivepack = true
[receive]
\thideRefs = refs/pull
\tautogc = false
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
[gc]
\tauto = 0
"""
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ZERO = "0" * 40
_SIGNATURE = re.compile(r"(.*?) ?<(.*)> (\d+) ([+-]\d{4})$")


class GitFailed(Exception):
    """Git said no."""


@dataclass(frozen=True)
class Signature:
    """Who made a commit, and when (seconds since 1970)."""

    name: str
    email: str
    at: int


@dataclass(frozen=True)
class Commit:
    """A commit."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True)
class Entry:
    """A file, folder, link or submodule in a tree."""

    mode: str
    kind: str
    sha: str
    size: int
    path: str


@dataclass(frozen=True)
class Difference:
    """What became of one file between two trees."""

    status: str
    path: str
    previous: str | None
    sha: str
    additions: int
    deletions: int
    patch: str | None


class GitDirectory:
    """One bare repository."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._refs: dict[str, str] | None = None
        self._commits: dict[str, Commit] = {}

    @classmethod
    def create(cls, path: Path, hooks: Path, default_branch: str) -> GitDirectory:
        """Make an empty one: what `git init` writes, in a fraction of its time."""
        for folder in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
            (path / folder).mkdir(parents=True)
        (path / "config").write_text(CONFIG.format(hooks=hooks))
        directory = cls(path)
        directory.point_head(default_branch)
        directory._refs = {}
        return directory

    def point_head(self, branch: str) -> None:
        """Let HEAD be a branch."""
        (self.path / "HEAD").write_text(f"ref: refs/heads/{branch}\n")

    def run(
        self,
        *arguments: str,
        content: bytes = b"",
        environment: Mapping[str, str] | None = None,
        allowed: tuple[int, ...] = (0,),
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one git command.

        Raises:
            GitFailed: Its exit code is none of the allowed ones.
        """
        done = subprocess.run(
            ["git", f"--git-dir={self.path}", *arguments],
            input=content,
            capture_output=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.path), **ENVIRONMENT, **(environment or {})},
            check=False,
        )
        if done.returncode not in allowed:
            raise GitFailed(f"git {arguments[0]}: {done.stderr.decode(errors='replace')}")
        return done

    def text(self, *arguments: str) -> str:
        """Run one git command and return what it printed."""
        return self.run(*arguments).stdout.decode(errors="replace").rstrip("\n")

    # Refs

    def refs(self) -> dict[str, str]:
        """All refs, hidden ones too, and where they stand."""
        if self._refs is None:
            lines = self.text("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
            self._refs = {name: sha for sha, name in (line.split(" ", 1) for line in lines)}
        return self._refs

    def forget(self) -> None:
        """Somebody else may have written refs."""
        self._refs = None

    def branches(self) -> dict[str, str]:
        """The branches, by their short name."""
        prefix = "refs/heads/"
        return {n.removeprefix(prefix): sha for n, sha in self.refs().items() if n.startswith(prefix)}

    def set_ref(self, name: str, sha: str | None) -> None:
        """Let a ref stand somewhere, or nowhere."""
        self.run(*(["update-ref", name, sha] if sha else ["update-ref", "-d", name]))
        self._remember(name, sha)

    def resolve(self, name: str) -> str | None:
        """The commit of a branch, tag, ref or (shortened) id; none if there is no such."""
        refs = self.refs()
        for full in (name, f"refs/{name}", f"refs/heads/{name}", f"refs/tags/{name}"):
            if full in refs and self.kind(refs[full]) == "commit":
                return refs[full]
        if name.startswith("-"):
            return None
        found = self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", allowed=(0, 1, 128))
        return found.stdout.decode().strip() or None

    # Objects

    def kind(self, sha: str) -> str | None:
        """What an object is: `commit`, `tag`, `tree`, `blob`, or none."""
        if sha in self._commits:
            return "commit"
        return self.run("cat-file", "-t", sha, allowed=(0, 1, 128)).stdout.decode().strip() or None

    def commit(self, sha: str) -> Commit:
        """A commit.

        Raises:
            GitFailed: There is none.
        """
        if sha not in self._commits:
            self._commits[sha] = _parse(sha, self.run("cat-file", "commit", sha).stdout)
        return self._commits[sha]

    def tree(self, treeish: str, path: str = "", *, recursive: bool = False) -> list[Entry]:
        """What is in a tree, or in a folder of it."""
        found = self.run(
            "ls-tree", "-z", "--long", *(["-r"] if recursive else []), treeish, *([path] if path else [])
        ).stdout.decode(errors="surrogateescape")
        entries = []
        for line in filter(None, found.split("\0")):
            about, _, name = line.partition("\t")
            mode, kind, sha, size = about.split()
            entries.append(Entry(mode, kind, sha, 0 if size == "-" else int(size), name))
        return entries

    def blob(self, sha: str) -> bytes:
        """The bytes of a file."""
        return self.run("cat-file", "blob", sha).stdout

    def files(self, treeish: str) -> dict[str, bytes]:
        """Every file of a tree, in one call of git."""
        entries = [entry for entry in self.tree(treeish, recursive=True) if entry.kind == "blob"]
        asked = "".join(f"{entry.sha}\n" for entry in entries).encode()
        output = self.run("cat-file", "--batch", content=asked).stdout
        files, at = {}, 0
        for entry in entries:
            start = output.index(b"\n", at) + 1
            files[entry.path] = output[start : start + entry.size]
            at = start + entry.size + 1
        return files

    # History

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit is the other or came before it."""
        return self.run("merge-base", "--is-ancestor", older, newer, allowed=(0, 1)).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """Where two histories parted."""
        return self.run("merge-base", one, other, allowed=(0, 1)).stdout.decode().strip() or None

    def log(self, *arguments: str) -> list[str]:
        """The ids of commits, newest first."""
        return self.text("log", "--format=%H", *arguments).split()

    def differences(self, old: str, new: str) -> list[Difference]:
        """The files that differ between two trees, with the patch of each."""
        raw = self.text("diff-tree", "-r", "-M", "--raw", "-z", "--no-abbrev", old, new)
        counts = self.text("diff-tree", "-r", "-M", "--numstat", "-z", old, new)
        numbers = _numbers(counts)
        names = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied", "T": "changed"}
        fields, found = iter(filter(None, raw.split("\0"))), []
        for about in fields:
            _, _, before, after, letter = about.split(" ")
            path = next(fields)
            previous = None
            if letter[0] in "RC":
                previous, path = path, next(fields)
            plus, minus = numbers.get(path, (0, 0))
            patch = self._patch(old, new, previous, path)
            sha = before if letter[0] == "D" else after
            found.append(Difference(names[letter[0]], path, previous, sha, plus, minus, patch))
        return found

    def _patch(self, old: str, new: str, previous: str | None, path: str) -> str | None:
        paths = [path] if previous is None else [previous, path]
        text = self.text("diff-tree", "-M", "-p", old, new, "--", *paths)
        at = text.find("@@")
        return text[at:] if at >= 0 else None

    # Writing

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree that a merge of two commits gives; none if they conflict."""
        done = self.run("merge-tree", "--write-tree", base, head, allowed=(0, 1))
        return done.stdout.decode().split("\n", 1)[0] if done.returncode == 0 else None

    def write_commit(
        self, tree: str, parents: list[str], message: str, by: Signature, author: Signature
    ) -> str:
        """Write a commit; no ref moves."""
        signed = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": f"{author.at} +0000",
            "GIT_COMMITTER_NAME": by.name,
            "GIT_COMMITTER_EMAIL": by.email,
            "GIT_COMMITTER_DATE": f"{by.at} +0000",
        }
        over = [word for parent in parents for word in ("-p", parent)]
        done = self.run("commit-tree", tree, *over, content=message.encode(), environment=signed)
        return done.stdout.decode().strip()

    def commit_files(
        self, ref: str, parent: str | None, files: Mapping[str, bytes | None], message: str, by: Signature
    ) -> str:
        """Commit files on top of a parent, and let a ref stand there; a file that is none goes."""
        said = message.encode()
        signed = f"{by.name} <{by.email}> {by.at} +0000"
        lines = [f"commit {ref}\nmark :1\ncommitter {signed}\ndata {len(said)}\n".encode(), said, b"\n"]
        if parent is not None:
            lines.append(f"from {parent}\n".encode())
        for path, content in files.items():
            name = '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
            if content is None:
                lines.append(f"D {name}\n".encode())
            else:
                lines += [f"M 100644 inline {name}\ndata {len(content)}\n".encode(), content, b"\n"]
        lines.append(b"\nget-mark :1\ndone\n")
        if parent is None and ref in self.refs():
            self.set_ref(ref, None)  # or fast-import would go on from where it stands
        done = self.run("fast-import", "--quiet", "--force", "--done", content=b"".join(lines))
        sha = done.stdout.decode().strip()
        self._remember(ref, sha)
        return sha

    def _remember(self, name: str, sha: str | None) -> None:
        others = {known: at for known, at in self.refs().items() if known != name}
        self._refs = others if sha is None else others | {name: sha}


def _parse(sha: str, raw: bytes) -> Commit:
    head, _, message = raw.decode(errors="replace").partition("\n\n")
    fields: dict[str, list[str]] = {}
    for line in head.splitlines():
        name, _, value = line.partition(" ")
        fields.setdefault(name, []).append(value)
    return Commit(
        sha,
        fields["tree"][0],
        tuple(fields.get("parent", [])),
        _signature(fields["author"][0]),
        _signature(fields["committer"][0]),
        message.rstrip("\n"),
    )


def _signature(line: str) -> Signature:
    found = _SIGNATURE.match(line)
    return Signature(found[1], found[2], int(found[3])) if found else Signature(line, "", 0)


def _numbers(counts: str) -> dict[str, tuple[int, int]]:
    """What `--numstat -z` says, by the new path."""
    numbers, fields = {}, iter(counts.split("\0"))
    for line in fields:
        if not line:
            continue
        plus, minus, path = line.split("\t")
        if not path:
            next(fields)
            path = next(fields)
        numbers[path] = (0, 0) if plus == "-" else (int(plus), int(minus))
    return numbers
