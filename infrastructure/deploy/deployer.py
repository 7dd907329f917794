"""What a deployer does, and what is said about it while it works."""

from __future__ import annotations

import enum
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeAlias

from pydantic import SecretStr

from infrastructure.releases import ReleaseArtifact
from shared.errors import BadInput, Conflict, NotFound, TelewrightError, Unavailable

PROJECT_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
"""A project's name becomes a directory and a program name on the server."""


class DeploymentFailed(TelewrightError):
    """The deployment failed; what ran before keeps running."""

    code = "deployment_failed"
    advice = "Read the log lines, correct the project and deploy again."

    def __init__(self, message: str | None = None, *, logs: str = "", advice: str | None = None) -> None:
        """Make the error.

        Args:
            message: One line that says which step failed, and why.
            logs: The last lines the new instance wrote, as many as there are.
            advice: What to do next, when this place knows better than the class.
        """
        super().__init__(message, advice=advice)
        self.logs = logs


class PortTaken(DeploymentFailed):
    """Another program listens on the project's port."""

    code = "port_taken"
    advice = "Stop the program that listens on that port, then deploy again."


class BadRelease(DeploymentFailed):
    """The release's archive is not what was approved, or cannot be unpacked safely."""

    code = "bad_release"
    advice = "Build the release again, and approve it again."


class DeploymentFenced(Conflict):
    """A newer request has reached the server: this one changes nothing."""

    code = "deployment_fenced"
    advice = "Nothing: the newer request goes on elsewhere."


class NotDeployed(NotFound):
    """The project is not on the server."""

    code = "not_deployed"
    advice = "Deploy a release first."


class OperationTookTooLong(TelewrightError):
    """Stopping, starting or removing the service did not end in time, and was ended."""

    code = "operation_took_too_long"
    advice = "See /status and /logs, then ask for it again: it goes on from where it was."


class BadProjectName(BadInput):
    """A project's name has lower-case letters, digits and hyphens, and begins with a letter."""

    code = "bad_project_name"


class MissingVariables(BadInput):
    """The service needs variables that nobody has given."""

    code = "missing_variables"
    advice = "Set them for the project, then deploy again."


class ServerUnavailable(Unavailable):
    """The server does not answer."""

    code = "server_unavailable"


class StepStatus(enum.StrEnum):
    """Where a step of a playbook stands."""

    STARTED = "started"
    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    SKIPPED = "skipped"


class ServiceState(enum.StrEnum):
    """How a project's service is doing on its server."""

    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class DeployEvent:
    """One fact about a deployment, as it happens."""

    step: str
    """A name for people: `Start the new instance`."""
    status: StepStatus
    message: str = ""
    duration_s: float = 0.0


EventHandler: TypeAlias = Callable[[DeployEvent], Awaitable[None]]


_WORK_S: Final = 300
"""What a deployment may take besides the waits that its contract allows."""


@dataclass(frozen=True, slots=True)
class DeployRequest:
    """One release to be put on the server."""

    project: str
    release: ReleaseArtifact
    environment: Mapping[str, SecretStr | str]
    """The project's own variables; values never leave the server's 0600 file."""
    fence: int
    """Grows with every request for the project; the server refuses a lower one than it has seen."""
    keep_releases: int = 5
    timeout_s: float | None = None
    """None: long enough for whatever health check and stop the contract has."""

    @property
    def limit_s(self) -> float:
        """Seconds after which the deployment is given up."""
        if self.timeout_s is not None:
            return self.timeout_s
        contract = self.release.contract
        return _WORK_S + contract.health.timeout_s + contract.stop_timeout_s


@dataclass(frozen=True, slots=True)
class DeployResult:
    """What a deployment left behind."""

    url: str
    port: int
    previous_commit: str | None
    """What ran before: where a rollback goes. None after the first deployment."""


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What runs on the server for a project."""

    state: ServiceState
    commit: str | None = None
    port: int | None = None
    url: str | None = None
    since: datetime | None = None
    processes_since: datetime | None = None
    """When the youngest of its processes was started: later than before, one has ended meanwhile."""


class Deployer(Protocol):
    """Puts releases on one server, and looks after them there."""

    async def deploy(self, request: DeployRequest, on_event: EventHandler) -> DeployResult:
        """Run a release in place of the one that runs now. Safe to repeat.

        Raises:
            DeploymentFailed: The new instance did not come up; the old one serves on.
            PortTaken: A foreign program has the project's port; the old instance runs on, and nobody
                reaches it there.
            BadRelease: The archive is not the one with that digest, or is unsafe.
            DeploymentFenced: A newer request was here first.
            ServerUnavailable: The server does not answer.
        """

    async def stop(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        """Stop the service and keep its releases and data.

        Raises:
            NotDeployed: It is not on the server.
            DeploymentFenced: A newer request was here first.
            OperationTookTooLong: It was ended; asking again goes on.
        """

    async def start(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        """Start the service with the release that ran last.

        Raises:
            DeploymentFailed: It does not come up.
            NotDeployed: It is not on the server.
            DeploymentFenced: A newer request was here first.
            OperationTookTooLong: It was ended; asking again goes on.
        """

    async def remove(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        """Remove the service with its releases and data.

        Raises:
            DeploymentFenced: A newer request was here first.
            OperationTookTooLong: It was ended; asking again goes on.
        """

    async def status(self, project: str) -> ServiceStatus:
        """Say what runs."""

    async def logs(self, project: str, lines: int = 50) -> str:
        """Return the last lines the service wrote."""

    def playbook_digest(self) -> str:
        """Return the digest of everything that decides what a deployment does."""
