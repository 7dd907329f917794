"""Where the mirrors of GitHub's repositories stand on this machine: `<home>/mirrors/<id>.git`.

Nothing packs them or prunes what is in them, and each state of work that is saved writes into them.
They can be lost at any time, and are fetched again when they are needed: so whole ones are removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import uuid
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from infrastructure.locks import LockBusy, locked

_DOOMED = ".doomed-"
_NAME = re.compile(r"([0-9]{1,19})\.git")


@dataclass(frozen=True, slots=True)
class StandingMirror:
    """A mirror that is here; the times are in seconds since 1970."""

    number: int
    """The repository's id, which renames do not change."""
    made_at: float
    used_at: float


class Mirrors:
    """The mirrors below one home."""

    def __init__(self, home: Path) -> None:
        """Look at a home; nothing is made.

        Args:
            home: The installation's home on this machine.
        """
        self._root = home / "mirrors"

    def path(self, number: int) -> Path:
        """Return where the mirror of a repository is, or would be."""
        return self._root / f"{number}.git"

    def alone(self, number: int, *, timeout_s: float = 120) -> AbstractAsyncContextManager[int]:
        """Be the only one at work on a mirror while the block runs; yields what `locked` does.

        Raises:
            LockBusy: Others were at it for too long.
        """
        return locked(self._root / ".locks" / f"{number}.lock", timeout_s=timeout_s)

    async def there_are(self) -> list[StandingMirror]:
        """Return the mirrors that are here."""
        return await asyncio.to_thread(self._there_are)

    async def remove(self, number: int) -> None:
        """Remove what is here of a repository; nothing is fine.

        Raises:
            LockBusy: Somebody was at work on it for too long.
        """
        async with self.alone(number):
            self._put_aside(number)
        await self.remove_doomed()

    async def remove_unused(self, seen: StandingMirror) -> bool:
        """Remove a mirror if nobody has used it since it was seen, and return whether it is gone."""
        try:
            async with self.alone(seen.number, timeout_s=0):
                if self._standing(seen.number) != seen:
                    return False
                self._put_aside(seen.number)
        except LockBusy:
            return False
        await self.remove_doomed()
        return True

    async def remove_doomed(self) -> None:
        """Delete what was put aside, also by whoever did not live to delete it."""
        await asyncio.to_thread(self._remove_doomed)

    def _there_are(self) -> list[StandingMirror]:
        numbers = [
            int(named[1]) for path in self._root.glob("*.git") if (named := _NAME.fullmatch(path.name))
        ]
        return [standing for number in sorted(numbers) if (standing := self._standing(number))]

    def _standing(self, number: int) -> StandingMirror | None:
        directory = self.path(number)
        try:
            # The description is written once; the directory is touched whenever it is lent.
            made, used = (directory / "description").stat(), directory.stat()
        except FileNotFoundError:
            return None
        return StandingMirror(number, made.st_mtime, used.st_mtime)

    def _put_aside(self, number: int) -> None:
        # Gone at once, so that a crash in the middle never leaves half a mirror.
        with contextlib.suppress(FileNotFoundError):
            self.path(number).rename(self._root / f"{_DOOMED}{uuid.uuid4().hex}")

    def _remove_doomed(self) -> None:
        for directory in self._root.glob(f"{_DOOMED}*"):
            shutil.rmtree(directory, ignore_errors=True)
