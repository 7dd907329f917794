"""Release archives: checked, unpacked beside the others in one step, pruned."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import tempfile
from io import BufferedReader
from pathlib import Path, PurePosixPath

from .failure import Refused
from .places import ProjectPlace
from .records import Record, Release

MOST_MEMBERS = 200_000
MOST_BYTES = 4 * 1024**3
ROOMS = frozenset({"app", "site-packages"})
UNPACKING = ".unpacking-"


def unpack(archive: Path, *, place: ProjectPlace, release: Release) -> bool:
    """Put a release beside the others, or find it there.

    The archive is hostile until its digest is the approved one, and its members are
    looked at even then: it was built from generated code.

    Args:
        archive: The `.tar.gz`.
        place: The project the release belongs to.
        release: What the archive must be.

    Returns:
        Whether anything was changed.

    Raises:
        Refused: The archive is another one, or has members that could leave the directory.
    """
    _sweep(place.releases)
    target = place.releases / release.directory
    if target.is_dir():
        return False
    temporary = Path(tempfile.mkdtemp(prefix=UNPACKING, dir=place.releases))
    temporary.chmod(0o755)
    try:
        with archive.open("rb") as stream:
            _check_digest(stream, release.digest)
            _extract(stream, temporary)
        _check_identity(temporary, place.name, release)
        _open_to_all(temporary)
        temporary.rename(target)
    except FileNotFoundError as error:
        raise _bad(f"the archive is gone: {error.filename}") from error
    except (tarfile.TarError, EOFError, ValueError, FileExistsError, NotADirectoryError) as error:
        raise _bad(f"the archive cannot be read: {error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return True


def prune(place: ProjectPlace, record: Record, *, keep: int) -> bool:
    """Remove the releases that were not wanted for longest, never the running or the previous one.

    Args:
        place: The project.
        record: What the server knows about it.
        keep: How many releases may stay.

    Returns:
        Whether anything was removed.
    """
    current = record.current.release if record.current else None
    needed = {release.directory for release in (current, record.previous) if release}
    newest_first = sorted(place.releases.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    others = [directory for directory in newest_first if directory.name not in needed]
    old = others[max(0, keep - len(needed)) :]
    for directory in old:
        shutil.rmtree(directory)
    return bool(old)


def _sweep(releases: Path) -> None:
    """Remove what a killed deployment was unpacking; the project's lock is held, so nobody else is."""
    for leftover in releases.glob(f"{UNPACKING}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _check_digest(stream: BufferedReader, digest: str) -> None:
    found = hashlib.file_digest(stream, "sha256").hexdigest()
    stream.seek(0)
    if found != digest:
        raise _bad(f"the archive's digest is {found[:12]}…, expected {digest[:12]}…")


def _extract(stream: BufferedReader, target: Path) -> None:
    total = 0
    with tarfile.open(fileobj=stream, mode="r:gz") as archive:
        for count, member in enumerate(archive, start=1):
            _check_member(member)
            total += member.size
            if count > MOST_MEMBERS or total > MOST_BYTES:
                raise _bad("the archive unpacks to too much")
            _write(archive, member, target / member.name)


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """Write a file or a directory; nothing else passes the check, so no member can lead through a link.

    Early releases of Python 3.11 have no filters for extraction.
    """
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = archive.extractfile(member)
    assert content is not None  # noqa: S101 - it is a file
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)
    # The service's own user reads it, whatever the archive says: what is secret is elsewhere.
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _check_member(member: tarfile.TarInfo) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise _bad(f"the archive's member {member.name!r} leads outside")
    if not (member.isfile() or member.isdir()):
        raise _bad(f"the archive's member {member.name!r} is neither a file nor a directory")
    if path.parts and path.parts[0] not in ROOMS and path != PurePosixPath("release.json"):
        raise _bad(f"the archive's member {member.name!r} has no place in a release")


def _check_identity(directory: Path, project: str, release: Release) -> None:
    try:
        identity = json.loads((directory / "release.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _bad("the archive has no release.json") from error
    if not isinstance(identity, dict):
        raise _bad("release.json is not a mapping")
    if identity.get("project") != project or identity.get("commit") != release.commit:
        raise _bad("release.json names another project or commit")


def _open_to_all(directory: Path) -> None:
    """Make what the archive did not name: the rooms, and directories that only their files imply."""
    for room in ROOMS:
        (directory / room).mkdir(exist_ok=True)
    for path in directory.rglob("*/"):
        path.chmod(0o755)


def _bad(message: str) -> Refused:
    return Refused(message, code="bad_release")
