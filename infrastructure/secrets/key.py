"""The age key of this home: what opens its secrets."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pyrage import x25519

from shared.errors import TelewrightError


class KeyLost(TelewrightError):
    """The secrets cannot be read: the key that opens them is gone or is another one."""

    code = "key_lost"
    advice = "Restore keys/age.txt from your backup, or remove the project's secrets and set them again."


class Key:
    """The key in `<home>/keys/age.txt`, in the form that age and SOPS know."""

    def __init__(self, home: Path) -> None:
        self.file = home / "keys" / "age.txt"

    def ensure(self) -> None:
        """Make the key if there is none. Two processes may do so at once."""
        if self.file.exists():
            return
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        identity = x25519.Identity.generate()
        descriptor, new = tempfile.mkstemp(dir=self.file.parent, prefix=".new-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"# public key: {identity.to_public()}\n{identity}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename, a link never replaces the key another process has made.
            os.link(new, self.file)
        except FileExistsError:
            return
        finally:
            Path(new).unlink()

    def public(self) -> str:
        """Return the half that closes secrets, and may be known.

        Raises:
            KeyLost: There is no key, or the file holds none.
        """
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as error:
            raise KeyLost(f"The key that opens the secrets is gone: {self.file.name} is missing") from error
        for line in lines:
            if line.startswith("AGE-SECRET-KEY-"):
                return str(x25519.Identity.from_str(line.strip()).to_public())
        raise KeyLost(f"The key that opens the secrets is gone: {self.file.name} holds none")
