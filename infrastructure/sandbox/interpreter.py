"""The Python that Telewright runs on, made usable inside."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath

from infrastructure.sandbox.protocol import Mount

SYSTEM = Path("/usr")


def python_mounts() -> tuple[Mount, ...]:
    """Return what must be mounted so that this Python's base installation runs inside.

    It stands at the same path inside, so that the interpreter a virtual
    environment links to is found. Nothing to mount when it is the system's.
    """
    prefixes = dict.fromkeys(Path(prefix) for prefix in (sys.base_prefix, sys.base_exec_prefix))
    # An installation may be known by a path that goes through a link.
    known_as = dict.fromkeys([*prefixes, *(prefix.resolve() for prefix in prefixes)])
    return tuple(
        Mount(prefix.resolve(), PurePosixPath(prefix))
        for prefix in known_as
        if not prefix.resolve().is_relative_to(SYSTEM)
    )


def base_python() -> PurePosixPath:
    """Return the interpreter of the base installation, at the path it has inside."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return PurePosixPath(sys.base_prefix) / "bin" / name
