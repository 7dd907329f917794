"""How git comes by its token: a credential helper reads it from a descriptor that git inherits.

So the token is in no address, argument, variable, configuration or file that
has a name. A helper rather than GIT_ASKPASS, since git asks it for this one
place alone: wherever a redirect or a submodule leads, the token does not go.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Credential:
    """What git must be started with."""

    descriptor: int
    """To be inherited."""
    settings: tuple[str, ...]
    """For `git -c`."""


@contextmanager
def credential(url: str, token: str) -> Iterator[Credential]:
    """Hold a token ready for git while the block runs.

    Args:
        url: The remote's, http or https; the token is for its host and port alone.
        token: What GitHub takes as a password.
    """
    address = urlsplit(url)
    descriptor = os.memfd_create("credential")
    try:
        os.write(descriptor, f"username=x-access-token\npassword={token}\n".encode())
        # Opened anew through /proc, because a shared descriptor would be at its end the second time.
        helper = f'!f() {{ test "$1" = get && cat /proc/self/fd/{descriptor}; }}; f'
        yield Credential(
            descriptor,
            (
                "credential.helper=",
                f"credential.{address.scheme}://{address.netloc}.helper={helper}",
                f"protocol.{address.scheme}.allow=always",
            ),
        )
    finally:
        os.close(descriptor)
