"""Releases: one immutable archive per commit, with the project and all it needs inside."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from infrastructure import contract as contracts
from infrastructure.archives import Archives
from infrastructure.contract import DeployContract
from infrastructure.dependencies import Dependencies, python_tag
from infrastructure.disk import DiskFull, is_full
from infrastructure.forge import Forge, NoCommit, Repository
from infrastructure.locks import locked
from shared.errors import Unavailable

DESCRIPTION = "release.json"
APP = "app"
PACKAGES = "site-packages"

_SHA = re.compile(r"[0-9a-f]{40}")
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReleaseArtifact:
    """A release that stands on this machine, ready to be shipped."""

    project: str
    commit: str
    digest: str
    """`sha256:` and the archive's SHA-256 in hexadecimal."""
    archive: Path
    """A `.tar.gz` of `release.json`, `app/` and `site-packages/`."""
    contract: DeployContract


class ReleaseBuilder:
    """Builds releases into `<home>/releases/<project>/<commit>.tar.gz`."""

    def __init__(self, home: Path, forge: Forge, dependencies: Dependencies) -> None:
        self._archives = Archives(home)
        self._forge = forge
        self._dependencies = dependencies

    async def build(self, project: str, repository: Repository, commit: str) -> ReleaseArtifact:
        """Return the release of a commit, building it if it does not stand yet.

        The same commit of a project gives the same archive, byte for byte.

        Args:
            project: The project's name. The repository's does not matter: people rename repositories on GitHub.
            repository: Where the commit is.
            commit: Its full id.

        Raises:
            BadInput: No project is called so.
            NoCommit: The repository has no such commit.
            BadContract: The commit has no usable `deploy.yaml`.
            BadLock: Its lock file cannot be used.
            DependenciesUnavailable: Its packages could not be installed.
            DiskFull: The archive does not fit.
        """
        if not _SHA.fullmatch(commit):
            raise NoCommit(f"{commit[:50]!r} is no commit's full id")
        archive = self._archives.path(project, commit)
        async with locked(self._archives.root / ".locks" / f"{project}.lock", timeout_s=900):
            if standing := await asyncio.to_thread(_read, project, commit, archive):
                return standing
            await self._build(project, repository, commit, archive)
            built = await asyncio.to_thread(_read, project, commit, archive)
        if built is None:
            raise Unavailable(f"The release {commit[:12]} was written and cannot be read back")
        return built

    async def find(self, project: str, commit: str) -> ReleaseArtifact | None:
        """Return a release that was built before, or None."""
        return await asyncio.to_thread(_read, project, commit, self._archives.path(project, commit))

    async def remove(self, project: str, commit: str) -> None:
        """Delete a release's archive. One that is gone already is fine."""
        await self._archives.remove(project, [commit])

    async def _build(self, project: str, repository: Repository, commit: str, archive: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="telewright-release-") as scratch:
            app = Path(scratch) / APP
            await self._forge.export(repository, commit, app)
            await asyncio.to_thread(contracts.load, app)
            packages = await self._dependencies.runtime(app)
            await asyncio.to_thread(_write, archive, app, packages, project, commit)


def _write(archive: Path, app: Path, packages: Path, project: str, commit: str) -> None:
    """Write an archive beside its place, and put it there when it is whole and on the disk."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    # The commit's own date, as git has exported it. A constant would make a
    # web server believe that a page of the same length has not changed.
    moment = int((app / contracts.FILE_NAME).stat().st_mtime)
    description = {"format": 1, "project": project, "commit": commit, "python": python_tag()}
    new = archive.with_suffix(".new")
    try:
        with new.open("wb") as raw:
            # No file name and no time in gzip's header: it would differ each time.
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as content,
            ):
                _add_bytes(content, DESCRIPTION, json.dumps(description, sort_keys=True).encode(), moment)
                _add_directory(content, APP, app, moment)
                _add_directory(content, PACKAGES, packages, moment)
            raw.flush()
            os.fsync(raw.fileno())
        new.rename(archive)
        _sync_directory(archive.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        trouble = DiskFull if is_full(error) else Unavailable
        raise trouble(f"The release cannot be written: {error.strerror}") from error


def _add_directory(content: tarfile.TarFile, name: str, directory: Path, moment: int) -> None:
    content.addfile(_entry(name, tarfile.DIRTYPE, 0o755, moment))
    for path in _sorted(directory):
        inside = f"{name}/{path.relative_to(directory).as_posix()}"
        if path.is_symlink():
            link = _entry(inside, tarfile.SYMTYPE, 0o777, moment)
            link.linkname = str(path.readlink())
            content.addfile(link)
        elif path.is_dir():
            content.addfile(_entry(inside, tarfile.DIRTYPE, 0o755, moment))
        else:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                entry = _entry(inside, tarfile.REGTYPE, 0o755 if status.st_mode & 0o100 else 0o644, moment)
                entry.size = status.st_size
                content.addfile(entry, file)


def _add_bytes(content: tarfile.TarFile, name: str, text: bytes, moment: int) -> None:
    entry = _entry(name, tarfile.REGTYPE, 0o644, moment)
    entry.size = len(text)
    content.addfile(entry, io.BytesIO(text))


def _entry(name: str, kind: bytes, mode: int, moment: int) -> tarfile.TarInfo:
    """Return an archive's entry that says nothing about who made it."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = mode
    entry.mtime = moment
    return entry


def _sorted(directory: Path) -> list[Path]:
    """Return all that is in a directory, sorted, without what Python writes by itself."""
    found = [path for path in directory.rglob("*") if "__pycache__" not in path.relative_to(directory).parts]
    return sorted(found, key=lambda path: os.fsencode(path.relative_to(directory)))


def _read(project: str, commit: str, archive: Path) -> ReleaseArtifact | None:
    """Read an archive through to its end, so that a damaged one is none."""
    if not archive.is_file():
        return None
    contract: DeployContract | None = None
    try:
        with gzip.open(archive) as packed, tarfile.open(fileobj=packed) as content:
            for entry in content:
                if entry.name == f"{APP}/{contracts.FILE_NAME}" and (file := content.extractfile(entry)):
                    contract = contracts.parse(file.read().decode())
            while packed.read(_CHUNK):
                pass  # gzip compares its checksum at the end
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile):
        return None
    if contract is None:
        return None
    return ReleaseArtifact(project, commit, f"sha256:{_digest(archive)}", archive, contract)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
