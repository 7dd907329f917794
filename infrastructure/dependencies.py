"""The packages a project runs with and is tested with, installed once per content of its locks.

Only wheels whose hash stands in the lock are installed, because building a
source distribution would run a stranger's code outside the sandbox.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uv

from infrastructure import bytecode, lockfile, programs
from infrastructure.disk import DiskFull, says_full
from infrastructure.lockfile import BadLock
from infrastructure.locks import locked
from shared.errors import Unavailable

__all__ = ["BadLock", "Dependencies", "DependenciesUnavailable", "python_tag"]

TIMEOUT_S = 600
FORMAT = "2"
"""Part of every key: raised when the directories are made differently."""

_UNREACHABLE = re.compile(
    r"failed to fetch|error sending request|could not connect|timed out|dns error|network|status code \(5",
    re.IGNORECASE,
)


class DependenciesUnavailable(Unavailable):
    """The project's packages could not be installed."""

    code = "dependencies_unavailable"
    advice = "Look whether the package index can be reached, then try again."


class Dependencies:
    """Directories of installed packages under a home, one per content of the locks."""

    def __init__(self, home: Path) -> None:
        self._root = home / "dependencies"

    async def runtime(self, project: Path) -> Path:
        """Return the directory of what a project runs with, installing it first if need be.

        It goes into releases, and nothing runs from it here: it has no byte code.

        Args:
            project: The project's directory, with a `requirements.lock`.

        Raises:
            BadLock: The lock file is missing, or asks for more than hashed wheels.
            DependenciesUnavailable: Neither the cache nor the index has them.
        """
        return await self._installed(project, (lockfile.RUNTIME,), compiled=False)

    async def testing(self, project: Path) -> Path:
        """Return the directory of what a project runs and is tested with, compiled.

        Args:
            project: The project's directory, with both lock files.

        Raises:
            BadLock: A lock file is missing, or asks for more than hashed wheels.
            DependenciesUnavailable: Neither the cache nor the index has them.
        """
        return await self._installed(project, (lockfile.RUNTIME, lockfile.TESTING), compiled=True)

    async def _installed(self, project: Path, names: Sequence[str], *, compiled: bool) -> Path:
        locks = await asyncio.to_thread(_read, project, names)
        key = _key(locks)
        directory = self._root / key
        if await asyncio.to_thread(directory.is_dir):
            return directory
        async with locked(self._root / ".locks" / f"{key}.lock", timeout_s=TIMEOUT_S) as lock:
            if not await asyncio.to_thread(directory.is_dir):
                await self._install(directory, locks, lock, compiled=compiled)
        return directory

    async def _install(self, directory: Path, locks: Sequence[str], lock: int, *, compiled: bool) -> None:
        """Fill a directory beside the place, and put it there when it is whole."""
        new = self._root / f".new-{directory.name}"
        await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)
        # Outside of every project, whose pyproject.toml could set an index for uv.
        with tempfile.TemporaryDirectory(prefix="telewright-lock-") as scratch:
            files = await asyncio.to_thread(_write, Path(scratch), locks)
            await _uv_install(new, files, Path(scratch), lock)
        await asyncio.to_thread(_leave_out_scripts, new)
        if compiled:
            await bytecode.compile_packages(new, keep_open=(lock,))
        await asyncio.to_thread(new.rename, directory)


def python_tag() -> str:
    """Return which Python and platform an installed directory is for."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{sysconfig.get_platform()}"


def _read(project: Path, names: Sequence[str]) -> list[str]:
    return [lockfile.read(project / name)[0] for name in names]


def _key(locks: Sequence[str]) -> str:
    parts = [FORMAT, python_tag(), *locks]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _write(scratch: Path, locks: Sequence[str]) -> list[Path]:
    files = []
    for number, text in enumerate(locks):
        file = scratch / f"{number}.lock"
        file.write_text(text, encoding="utf-8")
        files.append(file)
    return files


async def _uv_install(target: Path, files: Sequence[Path], scratch: Path, lock: int) -> None:
    """Install from uv's cache, and from the network only what the cache lacks."""
    command = [
        uv.find_uv_bin(), "pip", "install", "--quiet", "--no-build", "--require-hashes",
        "--python", sys.executable, "--target", str(target),
    ]  # fmt: skip
    for file in files:
        command += ["--requirement", str(file)]
    for options in (["--offline"], []):
        ended = await programs.run(
            [*command, *options],
            environment=_uv_environment(),
            directory=scratch,
            timeout_s=TIMEOUT_S,
            keep_open=(lock,),
        )
        if ended.exit_code == 0:
            return
    complaint = ended.complaint.replace(f"{scratch}/", "")
    if says_full(complaint):
        raise DiskFull(f"The project's packages cannot be installed: {complaint}")
    if _UNREACHABLE.search(complaint):
        raise DependenciesUnavailable(f"The project's packages could not be fetched: {complaint}")
    raise BadLock(f"The project's packages cannot be installed: {complaint}")


def _uv_environment() -> dict[str, str]:
    """Return how this machine reaches its package index."""
    kept = re.compile(
        r"UV_(?!TARGET|SYSTEM_PYTHON|REQUIRE|CONSTRAINT|OVERRIDE|NO_BUILD)\w+|SSL_CERT_\w+|XDG_\w+"
    )
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}
    # Trust what the machine trusts: many networks have an authority of their own.
    return {"UV_SYSTEM_CERTS": "1"} | {
        name: value for name, value in os.environ.items() if kept.fullmatch(name) or name.upper() in proxies
    }


def _leave_out_scripts(target: Path) -> None:
    """Remove what names this machine's Python: a release runs with `python -m`."""
    target.mkdir(exist_ok=True)  # an empty lock leaves nothing behind
    (target / ".lock").unlink(missing_ok=True)
    shutil.rmtree(target / "bin", ignore_errors=True)
    for record in target.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("bin/")]
        # A new file: the old one may be the same inode as the one in uv's cache.
        record.unlink()
        record.write_text("".join(kept), encoding="utf-8")
