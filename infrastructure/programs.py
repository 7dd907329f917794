"""Programs of other people, run without their surprises.

A program gets the environment it is given and nothing of ours, runs in a
process group of its own, and is gone, with all its children, when it takes
too long or nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import TelewrightError, Unavailable
from shared.redaction import Redactor

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
"""What programs need to find themselves, and which holds no secret."""

LONGEST_COMPLAINT = 500
"""Characters of what a program complained about that are shown."""


class ProgramMissing(Unavailable):
    """A program that is needed is not installed."""

    code = "program_missing"


class ProgramFailed(TelewrightError):
    """A program that should not fail has failed."""

    code = "program_failed"


class ProgramTookTooLong(Unavailable):
    """A program did not end in time and was ended."""

    code = "program_took_too_long"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    exit_code: int
    output: bytes
    errors: str

    @property
    def complaint(self) -> str:
        """The last lines it wrote to its standard error, on one line and without secrets."""
        # Cut afterwards: half of a secret has no form that one would know it by.
        said = Redactor().text(" ".join(self.errors.split()))
        return said[-LONGEST_COMPLAINT:] or f"it ended with {self.exit_code}"


async def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] = {},
    directory: Path | None = None,
    content: bytes = b"",
    timeout_s: float = 60,
    keep_open: Sequence[int] = (),
) -> Ended:
    """Run a program to its end.

    Args:
        command: Program and arguments, without a shell. No secrets: arguments are public.
        environment: What is set besides `KEPT`.
        directory: Where it starts; `/` when left out.
        content: Its standard input.
        timeout_s: Seconds after which it is killed.
        keep_open: File descriptors it inherits, so that locks are held until it ends.

    Returns:
        How it ended, whatever its exit code.

    Raises:
        ProgramMissing: There is no such program.
        ProgramTookTooLong: It was killed.
    """
    starting = asyncio.create_task(_start(command, environment, directory, keep_open))
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # asyncio would end the program alone, and wait for ever for its children, who have its pipes.
        await asyncio.wait({starting})
        if starting.exception() is None:
            await _end(starting.result())
        raise
    except FileNotFoundError as error:
        raise ProgramMissing(f"{Path(command[0]).name} is not installed") from error
    try:
        async with asyncio.timeout(timeout_s):
            output, errors = await _converse(process, content)
    except TimeoutError as error:
        await _end(process)
        raise ProgramTookTooLong(f"{Path(command[0]).name} did not end within {timeout_s:g} s") from error
    except asyncio.CancelledError:
        await _end(process)
        raise
    return Ended(process.returncode or 0, output, errors.decode(errors="replace"))


async def feed(stdin: asyncio.StreamWriter, content: bytes) -> None:
    """Write a program's standard input and close it; one that takes none, or has ended, is fine.

    `Process.communicate` does not do: uvloop closes the pipe with the program, also before the
    first byte is written on a busy machine, and refuses to write then with a RuntimeError.
    """
    with suppress(BrokenPipeError, ConnectionResetError):
        if not stdin.is_closing():
            stdin.write(content)
            await stdin.drain()
    stdin.close()


def inherited() -> dict[str, str]:
    """Return what every program is given of our environment, which holds tokens and passwords."""
    return {name: os.environ[name] for name in KEPT if name in os.environ}


async def _start(
    command: Sequence[str], environment: Mapping[str, str], directory: Path | None, keep_open: Sequence[int]
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory or Path("/"),
        env=inherited() | dict(environment),
        start_new_session=True,
        pass_fds=keep_open,
    )


async def _converse(process: asyncio.subprocess.Process, content: bytes) -> tuple[bytes, bytes]:
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise RuntimeError("the program was started without pipes")
    _, output, errors = await asyncio.gather(feed(stdin, content), stdout.read(), stderr.read())
    await process.wait()
    return output, errors


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a program and its children, who may live on when it has ended itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())
