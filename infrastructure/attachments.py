"""Files that people send: kept below the home by their content, and never executed.

A name is for people: what is written to the disk is called by its digest, so
that no name a person chose ever becomes a path here.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from shared.errors import NotFound

_PRIVATE = 0o600
"""Readable for the installation alone, and for nobody to execute."""


class AttachmentLost(NotFound):
    """This file is not kept here any more."""

    code = "attachment_lost"
    advice = "Send it again."


class AttachmentStore:
    """The files under `<home>/attachments`."""

    def __init__(self, home: Path) -> None:
        """Make it; nothing is written yet.

        Args:
            home: The installation's home.
        """
        self._root = home / "attachments"

    async def keep(self, content: bytes) -> str:
        """Keep a content, once however often it comes, and return its SHA-256 (hex)."""
        return await asyncio.to_thread(self._keep, content)

    async def read(self, sha256: str) -> bytes:
        """Return a content.

        Raises:
            AttachmentLost: It is not here, or not whole.
        """
        return await asyncio.to_thread(self._read, sha256)

    async def untouched_since(self, moment: float) -> list[str]:
        """Return the digests of contents that nobody has kept since, in seconds since 1970."""
        return await asyncio.to_thread(self._untouched_since, moment)

    async def forget(self, sha256: str, *, untouched_since: float) -> bool:
        """Delete a content, unless somebody keeps it again at this moment. Returns whether it is gone."""
        return await asyncio.to_thread(self._forget, sha256, untouched_since)

    def _untouched_since(self, moment: float) -> list[str]:
        return [path.name for path in self._root.glob("??/*") if _touched(path) < moment]

    def _forget(self, sha256: str, untouched_since: float) -> bool:
        path = self._path(sha256)
        aside = path.with_name(f".doomed-{sha256}")
        try:
            path.rename(aside)
            # Whoever keeps it from here on does not find it, and writes it anew; who did before has touched it.
            if _touched(aside) >= untouched_since:
                aside.rename(path)
                return False
            aside.unlink()
        except FileNotFoundError:
            return False
        return True

    def _keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        with contextlib.suppress(FileNotFoundError):
            # So that what is tidied up meanwhile is not this.
            os.utime(path)
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Whole or not at all: a crash in the middle leaves another name behind.
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(part).chmod(_PRIVATE)
            Path(part).replace(path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        return sha256

    def _read(self, sha256: str) -> bytes:
        try:
            content = self._path(sha256).read_bytes()
        except OSError as error:
            raise AttachmentLost from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise AttachmentLost
        return content

    def _path(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
