"""The secrets of projects, each project's in one file that SOPS encrypts."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from infrastructure.contract import RESERVED_VARIABLES
from infrastructure.locks import locked
from infrastructure.secrets.key import Key
from infrastructure.secrets.sops import SecretsDamaged, decrypt, encrypt
from shared.errors import BadInput, Conflict, NotFound

LONGEST_VALUE = 32 * 1024
METADATA = "sops"
"""The one entry of a SOPS file that is no secret. No variable is written in lower case."""

_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,98}[a-z0-9]")
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,62}")


class UnknownSecret(NotFound):
    """There is no such secret."""

    code = "unknown_secret"
    advice = "Set it first."


class SecretsFenced(Conflict):
    """The project's secrets were removed by a newer request: this one changes nothing."""

    code = "secrets_fenced"
    advice = "Nothing: the newer request goes on elsewhere."


class Secrets:
    """Secrets in `<home>/secrets/<project>.json`, opened by the key in `<home>/keys/age.txt`."""

    def __init__(self, home: Path) -> None:
        self._root = home / "secrets"
        self._key = Key(home)

    async def set(self, project: str, name: str, value: SecretStr) -> None:
        """Remember a secret, replacing the value it had.

        Raises:
            BadInput: The name is no name of an environment variable, or the value is empty,
                too long, or has a line break or NUL.
            KeyLost: The file cannot be opened, so that it cannot be written either.
        """
        _refuse_bad_name(name)
        _refuse_bad_value(name, value)
        await asyncio.to_thread(self._ensure_key)
        await self._change(project, lambda values: values | {name: value.get_secret_value()})

    async def names(self, project: str) -> list[str]:
        """Return the names of a project's secrets, sorted. Needs no key."""
        content = await asyncio.to_thread(_read, self._file(project))
        return sorted(_entries(content) - {METADATA}) if content else []

    async def unset(self, project: str, name: str) -> None:
        """Forget a secret. One that is gone already is fine.

        Raises:
            KeyLost: The file cannot be opened, so that it cannot be written either.
        """
        if name in await self.names(project):
            await self._change(project, lambda values: {key: values[key] for key in values if key != name})

    async def reveal(self, project: str, names: Collection[str]) -> dict[str, SecretStr]:
        """Return the values of some secrets, for the moment of a deployment.

        Raises:
            UnknownSecret: One of them was never set; the message names it.
            KeyLost: The file cannot be opened.
        """
        if missing := sorted(set(names) - set(await self.names(project))):
            raise UnknownSecret(f"{project} has no secret called {', '.join(missing)}")
        if not names:
            return {}
        values = await self._open(project)
        return {name: SecretStr(values[name]) for name in names}

    async def remove(self, project: str, *, fence: int) -> None:
        """Forget everything about a project.

        The fence is remembered, and outlasts the project: a worker that was paused in the
        middle of a removal must not forget what a new project of the name has been given.

        Args:
            project: Its name.
            fence: Grows with every removal (`deployments.next_fence`).

        Raises:
            SecretsFenced: A newer removal was here first.
        """
        async with self._locked(project):
            await asyncio.to_thread(self._remove, project, fence)

    def _remove(self, project: str, fence: int) -> None:
        seen = self._root / ".fences" / self._file(project).stem
        if fence < int(_read(seen) or 0):
            raise SecretsFenced
        _write(seen, str(fence).encode())
        self._file(project).unlink(missing_ok=True)

    async def _change(self, project: str, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
        async with self._locked(project):
            values = change(await self._open(project))
            file = self._file(project)
            if values:
                await asyncio.to_thread(_write, file, await encrypt(values, self._key))
            else:
                await asyncio.to_thread(file.unlink, missing_ok=True)

    async def _open(self, project: str) -> dict[str, str]:
        content = await asyncio.to_thread(_read, self._file(project))
        return await decrypt(content, self._key) if content else {}

    def _ensure_key(self) -> None:
        """Make the key, unless there are secrets already, which another key would not open."""
        if not any(self._root.glob("*.json")):
            self._key.ensure()

    @asynccontextmanager
    async def _locked(self, project: str) -> AsyncIterator[None]:
        async with locked(self._root / ".locks" / f"{self._file(project).stem}.lock"):
            yield

    def _file(self, project: str) -> Path:
        if not _PROJECT.fullmatch(project):
            raise BadInput(f"{project[:50]!r} cannot be a project's name")
        return self._root / f"{project}.json"


def _refuse_bad_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name[:70]!r} cannot be a secret's name: A-Z, 0-9 and _, beginning with a letter")
    if name in RESERVED_VARIABLES:
        raise BadInput(f"{name} is set by the server, so that it cannot be a secret")


def _refuse_bad_value(name: str, value: SecretStr) -> None:
    text = value.get_secret_value()
    if not text:
        raise BadInput(f"The value of {name} is empty; to forget a secret, unset it")
    if len(text.encode(errors="surrogatepass")) > LONGEST_VALUE:
        raise BadInput(f"The value of {name} is longer than {LONGEST_VALUE} bytes")
    if any(character in text for character in "\0\r\n"):
        raise BadInput(f"The value of {name} has a line break or NUL, which no environment variable takes")


def _entries(content: bytes) -> set[str]:
    try:
        entries = json.loads(content)
    except ValueError as error:
        raise SecretsDamaged from error
    if not isinstance(entries, dict):
        raise SecretsDamaged
    return set(entries)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _write(file: Path, content: bytes) -> None:
    """Replace a file at once, by one that is on the disk and that only we may read."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, new = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        Path(new).rename(file)
    except OSError:
        Path(new).unlink(missing_ok=True)
        raise
