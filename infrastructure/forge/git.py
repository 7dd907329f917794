"""The git program, run on one bare repository without anybody's configuration or hooks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from infrastructure import programs
from infrastructure.disk import DiskFull, says_full
from infrastructure.forge.protocol import ForgeUnavailable

TIMEOUT_S = 120

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C.UTF-8",
}

_CONFIG = (
    # No program but git itself, and nothing in the background.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    # Names that git, on some file system, would take for `.git`.
    "core.protectHFS=true",
    "core.protectNTFS=true",
    # The files' bytes are the truth.
    "core.autocrlf=false",
    "core.quotePath=false",
    # A crash of the machine must not leave empty objects.
    "core.fsync=committed,reference",
    "advice.detachedHead=false",
)


class Git:
    """Runs git on one repository."""

    def __init__(self, directory: Path, *, lock: int | None = None) -> None:
        """Prepare to run git.

        Args:
            directory: The bare repository.
            lock: A descriptor every started git inherits, so that the lock is
                held until the last of them ends, even if we are killed.
        """
        self.directory = directory
        self._keep_open = () if lock is None else (lock,)

    async def __call__(
        self,
        *arguments: str,
        content: bytes = b"",
        tree: Path | None = None,
        environment: Mapping[str, str] = {},
        allowed: Sequence[int] = (0,),
        settings: Sequence[str] = (),
        keep_open: Sequence[int] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> programs.Ended:
        """Run one git command.

        Args:
            arguments: The command and its arguments.
            content: Its standard input.
            tree: The working tree, which is never looked at as a repository.
            environment: What is set besides the usual.
            allowed: The exit codes that are no failure.
            settings: `name=value` besides the usual; no secrets, since arguments are public.
            keep_open: Descriptors it inherits besides the lock.
            timeout_s: Seconds after which it is killed.

        Raises:
            ForgeUnavailable: It failed; the message is git's.
            DiskFull: It failed for that.
        """
        command = ["git"]
        for setting in (*_CONFIG, *settings):
            command += ["-c", setting]
        ended = await programs.run(
            [*command, *arguments],
            environment=_ENVIRONMENT
            | {"GIT_DIR": str(self.directory)}
            | ({"GIT_WORK_TREE": str(tree)} if tree else {})
            | dict(environment),
            directory=tree or self.directory,
            content=content,
            timeout_s=timeout_s,
            keep_open=(*self._keep_open, *keep_open),
        )
        if ended.exit_code not in allowed:
            trouble = DiskFull if says_full(ended.complaint) else ForgeUnavailable
            raise trouble(f"git {arguments[0]} failed: {ended.complaint}")
        return ended

    async def text(self, *arguments: str, content: bytes = b"") -> str:
        """Run one git command and return its output without the last line's end."""
        return (await self(*arguments, content=content)).output.decode().rstrip("\n")
