"""One playbook, run in a process that cannot outlive us."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from infrastructure import programs
from infrastructure.deploy.deployer import (
    BadRelease,
    DeployEvent,
    DeploymentFailed,
    DeploymentFenced,
    EventHandler,
    NotDeployed,
    PortTaken,
    ServerUnavailable,
    StepStatus,
)
from infrastructure.sandbox.isolation import bubblewrap
from shared.errors import TelewrightError

HERE = Path(__file__).parent
LONGEST_LINE = 4 * 1024 * 1024
KILLED = "Try again; if it happens often, look whether this machine runs out of memory."
"""What to do about a playbook none of whose steps has failed."""
LONGEST_REASON = 1000
"""Characters of what Ansible complains about that are shown."""

ERRORS: Mapping[str, type[TelewrightError]] = {
    error.code: error
    for error in (BadRelease, DeploymentFailed, DeploymentFenced, NotDeployed, PortTaken, ServerUnavailable)
}


class Step(BaseModel):
    """A step began or ended."""

    kind: Literal["step"]
    step: str
    status: StepStatus
    message: str = ""
    duration_s: float = 0


class Told(BaseModel):
    """A step told more than how it went."""

    kind: Literal["outcome"]
    port: int | None = None
    previous_commit: str | None = None
    logs: str | None = None
    error: str | None = None


class Complaint(BaseModel):
    """Ansible itself could not go on."""

    kind: Literal["complaint"]
    text: str


class End(BaseModel):
    """The playbook ended."""

    kind: Literal["end"]
    succeeded: bool


Line = TypeAdapter[Step | Told | Complaint | End](
    Annotated[Step | Told | Complaint | End, Field(discriminator="kind")]
)


@dataclass
class Outcome:
    """What a playbook came to, gathered line by line."""

    port: int = 0
    previous_commit: str | None = None
    logs: str = ""
    code: str = DeploymentFailed.code
    reason: str = ""
    succeeded: bool = False
    ended: bool = field(default=False)

    def take(self, line: Step | Told | Complaint | End) -> None:
        """Take one more line into account."""
        match line:
            case Step(status=StepStatus.FAILED) if not self.reason:
                self.reason = f"{line.step}: {line.message or 'failed'}"
            case Told():
                self._hear(line)
            case Complaint() if not self.reason:
                self.reason = " ".join(line.text.split())
            case End():
                self.ended, self.succeeded = True, line.succeeded
            case _:
                pass

    def error(self) -> TelewrightError:
        """Return the error that says why it did not succeed; its secrets are gone by then."""
        error = ERRORS.get(self.code, DeploymentFailed)
        reason = self.reason or (
            "the playbook failed" if self.ended else "the playbook was ended from outside"
        )
        reason = reason[:LONGEST_REASON]
        if issubclass(error, DeploymentFailed):
            return error(reason, logs=self.logs, advice=None if self.reason else KILLED)
        return error(reason)

    def _hear(self, told: Told) -> None:
        if told.port is not None:
            self.port, self.previous_commit = told.port, told.previous_commit
        self.logs = told.logs if told.logs is not None else self.logs
        if told.error and self.code == DeploymentFailed.code:
            self.code = told.error


@dataclass(frozen=True)
class Play:
    """One playbook with what it is told."""

    playbook: str
    lock: Path
    """While the file is locked, no other playbook touches the project."""
    private: Path
    """An empty directory: the playbook's processes see a file system in memory there."""
    variables: Mapping[str, object]

    async def run(self, on_event: EventHandler) -> Outcome:
        """Run it to its end.

        When the awaiting task is cancelled, or this process is killed, everything
        that was started is ended at once by the kernel.

        Raises:
            ServerUnavailable: This machine cannot keep processes together.
        """
        outcome = Outcome()
        async with self._process() as process:
            async for text in _lines(process):
                line = Line.validate_json(text)
                outcome.take(line)
                if isinstance(line, Step):
                    await on_event(DeployEvent(line.step, line.status, line.message, line.duration_s))
            complaint = await _complaint(process)
        if not outcome.ended and complaint.startswith("bwrap:"):
            raise ServerUnavailable(complaint, advice="Run `telewright doctor`: bubblewrap must work here.")
        if not outcome.ended and complaint and not outcome.reason:
            outcome.reason = complaint
        return outcome

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._environment(),
            cwd=HERE,
            limit=LONGEST_LINE,
            start_new_session=True,
        )
        try:
            await _send(process, json.dumps(self._order()))
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())

    def _command(self) -> list[str]:
        return [
            str(bubblewrap()),
            # No isolation is meant here, Ansible is ours: only one life and one death for
            # all its processes, and a place for its files that is never on a disk.
            *("--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--die-with-parent"),
            *("--perms", "0700", "--tmpfs", str(self.private)),
            *("--", sys.executable, "-I", str(HERE / "play_process.py")),
        ]

    def _environment(self) -> dict[str, str]:
        """Return what Ansible needs, and nothing of Telewright's."""
        private = str(self.private)
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": private,
            "TMPDIR": private,
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(HERE / "ansible.cfg"),
            # Not in that file: ansible-runner adds its own, by this variable.
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_HOME": private,
            "ANSIBLE_REMOTE_TEMP": private,
        }

    def _order(self) -> dict[str, object]:
        return {
            "playbook": str(HERE / "playbooks" / f"{self.playbook}.yml"),
            "lock": str(self.lock),
            "private": str(self.private),
            "variables": self.variables,
        }


async def _send(process: Process, order: str) -> None:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    # One that has ended says why on its standard error.
    await programs.feed(process.stdin, order.encode())


async def _lines(process: Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    async for line in process.stdout:
        yield line


async def _complaint(process: Process) -> str:
    assert process.stderr is not None  # noqa: S101 - it was asked for
    text = (await process.stderr.read()).decode(errors="replace")
    return (text.strip().splitlines() or [""])[-1]
