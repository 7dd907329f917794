"""A project's repository as a person uses it who has git and nothing else."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infrastructure import programs

GIT = ("git", "-c", "user.name=Petra", "-c", "user.email=petra@example.com")


class Repository:
    """The bare repository of one project of a home."""

    def __init__(self, home: Path, project: str) -> None:
        self._bare = home / "repositories" / f"{project}.git"

    async def push(self, files: Mapping[str, str], *, message: str = "Change it") -> str:
        """Clone it, change files, commit and push to main; return the commit."""
        with await asyncio.to_thread(tempfile.TemporaryDirectory) as directory:
            clone = Path(directory) / "clone"
            await _run(*GIT, "clone", "-q", str(self._bare), str(clone))
            for path, text in files.items():
                (clone / path).write_text(text)
            await _run(*GIT, "-C", str(clone), "add", *files)
            await _run(*GIT, "-C", str(clone), "commit", "-q", "-m", message)
            await _run(*GIT, "-C", str(clone), "push", "-q", "origin", "HEAD:main")
            return (await _run(*GIT, "-C", str(clone), "rev-parse", "HEAD")).strip()

    async def commits(self) -> list[str]:
        """Return every commit of main, the newest first."""
        return (await _run(*GIT, "-C", str(self._bare), "log", "--format=%H", "main")).split()


def page(heading: str) -> dict[str, str]:
    """Return a home page that says which version it is."""
    html = f"<!doctype html><html lang=en><head><title>Home</title></head><body><h1>{heading}</h1></body></html>\n"
    return {"site/index.html": html}


async def _run(*command: str) -> str:
    ended = await programs.run(list(command))
    assert ended.exit_code == 0, ended.errors
    return ended.output.decode()
