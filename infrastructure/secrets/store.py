"""The secrets of projects, each project's in one file that SOPS encrypts."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import SecretStr

from shared.errors import NotFound, TelewrightError


class KeyLost(TelewrightError):
    """The secrets cannot be read: the key that opens them is gone or is another one."""

    code = "key_lost"
    advice = (
        "Restore keys/age.txt from your backup, or set the secrets again after deleting the secrets file."
    )


class UnknownSecret(NotFound):
    """There is no such secret."""

    code = "unknown_secret"
    advice = "Set it first."


class Secrets:
    """Secrets in `<home>/secrets/<project>.json`, opened by the key in `<home>/keys/age.txt`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    async def set(self, project: str, name: str, value: SecretStr) -> None:
        """Remember a secret, replacing the value it had.

        Raises:
            BadInput: The name is no name of an environment variable, or the value has a line break or NUL.
            KeyLost: The file cannot be opened, so that it cannot be written either.
        """
        raise NotImplementedError

    async def names(self, project: str) -> list[str]:
        """Return the names of a project's secrets, sorted. Needs no key."""
        raise NotImplementedError

    async def unset(self, project: str, name: str) -> None:
        """Forget a secret. One that is gone already is fine."""
        raise NotImplementedError

    async def reveal(self, project: str, names: Collection[str]) -> dict[str, SecretStr]:
        """Return the values of some secrets, for the moment of a deployment.

        Raises:
            UnknownSecret: One of them was never set; the message names it.
            KeyLost: The file cannot be opened.
        """
        raise NotImplementedError

    async def remove(self, project: str) -> None:
        """Forget everything about a project."""
        raise NotImplementedError
