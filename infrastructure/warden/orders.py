"""What a warden is told to do: one JSON object, the last of its arguments."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Mount:
    """A path of this machine that is to be seen inside."""

    source: str
    target: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that everything inside may use. None: no limit."""

    wall_s: float | None
    cpu_s: int | None
    memory_mb: int
    processes: int
    open_files: int
    disk_mb: int | None


@dataclass(frozen=True, slots=True)
class Orders:
    """One command to run in isolation.

    Holds no secret, since everybody on the machine can read a process's
    arguments: the environment is in a file.
    """

    bubblewrap: str
    arguments: list[str]
    """How bubblewrap isolates, without the mounts below."""
    mounts: list[Mount]
    files: dict[str, str]
    """Small read-only files to be made inside, by path."""
    command: list[str]
    environment_file: str | None
    """A JSON object of names and values; None: no variable besides those in `arguments`."""
    limits: Limits
    report_fd: int | None
    """Where to say how it ended. None: a service, whose ending is the warden's exit code."""

    def to_json(self) -> str:
        """Write the orders down."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Orders:
        """Read orders that `to_json` wrote."""
        fields = json.loads(text)
        fields["mounts"] = [Mount(**mount) for mount in fields["mounts"]]
        fields["limits"] = Limits(**fields["limits"])
        return cls(**fields)
