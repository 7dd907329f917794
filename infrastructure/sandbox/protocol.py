"""What a sandbox promises: the words every caller and every implementation shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol

from shared.errors import TelewrightError

WORKSPACE = PurePosixPath("/workspace")
"""Where the workspace stands inside, and where the command starts."""

MIB = 1024 * 1024


class SandboxUnavailable(TelewrightError):
    """This machine cannot isolate generated code, so none is run."""

    code = "sandbox_unavailable"
    advice = (
        "Enable unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1), or run as root."
    )


class SandboxLost(TelewrightError):
    """The sandbox was ended from outside before it could say what became of the command."""

    code = "sandbox_lost"
    advice = "Try again; if it happens often, look whether this machine runs out of memory."
    transient = True


@dataclass(frozen=True, slots=True)
class Limits:
    """The most one command may use, all its processes together unless said otherwise."""

    wall_s: float = 120
    """Seconds from start to end."""
    cpu_s: int = 120
    """Seconds of processor time."""
    memory_mb: int = 1024
    """MiB of memory, files in `/tmp` included."""
    processes: int = 128
    """Processes and threads."""
    open_files: int = 1024
    """Open files of each process."""
    output_bytes: int = 64 * 1024
    """Bytes of output that are kept; the middle is left out."""
    output_hard_bytes: int = 64 * MIB
    """Bytes of output after which the command is killed."""
    disk_mb: int = 512
    """MiB by which the workspace and the writable mounts may grow, and the largest single file."""


class Ending(StrEnum):
    """How a command came to its end."""

    EXITED = "exited"
    KILLED = "killed"
    """By a signal that was not ours: a crash."""
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MANY_PROCESSES = "too_many_processes"
    TOO_MUCH_OUTPUT = "too_much_output"
    DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of this machine that is to be seen inside."""

    source: Path
    target: PurePosixPath
    writable: bool = False


@dataclass(frozen=True, slots=True)
class SandboxResult:
    """What became of one command."""

    ending: Ending
    exit_code: int | None
    """None unless the ending is `EXITED`."""
    output: str
    """Standard output and error as they came, safe to show: head and tail, no control characters."""
    duration_s: float

    @property
    def succeeded(self) -> bool:
        """Whether the command ended by itself and said that all is well."""
        return self.ending is Ending.EXITED and self.exit_code == 0


LineListener = Callable[[str], Awaitable[None]]
"""Told each line of output as it comes. A slow one slows the command down."""


class Sandbox(Protocol):
    """A place where generated, hostile code runs without harm."""

    async def run(
        self,
        command: Sequence[str],
        *,
        workspace: Path,
        mounts: Sequence[Mount] = (),
        environment: Mapping[str, str] = {},
        limits: Limits = Limits(),
        network: bool = False,
        on_line: LineListener | None = None,
    ) -> SandboxResult:
        """Run one command to its end and leave nothing of it running.

        Cancelling the awaiting task kills everything the command started.

        Args:
            command: Program and arguments, without a shell.
            workspace: The directory that is writable inside, at `/workspace`.
            mounts: What else is to be seen inside, read-only unless said otherwise.
            environment: All the environment variables the command gets besides
                PATH, HOME, LANG and TMPDIR.
            limits: The most it may use.
            network: Whether it may use the host's network.
            on_line: Told each line of output as it comes.

        Returns:
            How it ended. A failing command is a result, not an error.

        Raises:
            SandboxUnavailable: This machine cannot isolate. Nothing was run.
        """
        ...
