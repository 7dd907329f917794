"""The deployer: Ansible's playbooks against the local server."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import SecretStr

from infrastructure.contract import DeployContract
from infrastructure.deploy.deployer import (
    PROJECT_NAME,
    BadProjectName,
    BadRelease,
    DeployEvent,
    DeploymentFailed,
    DeployRequest,
    DeployResult,
    EventHandler,
    MissingVariables,
    OperationTookTooLong,
    ServiceState,
    ServiceStatus,
)
from infrastructure.deploy.module_utils.telewright import instances, logs, records
from infrastructure.deploy.module_utils.telewright.failure import Refused
from infrastructure.deploy.module_utils.telewright.instances import ENVIRONMENT_FILE
from infrastructure.deploy.module_utils.telewright.places import ProjectPlace
from infrastructure.deploy.module_utils.telewright.records import Instance, Record, Release
from infrastructure.deploy.module_utils.telewright.supervisor import Process
from infrastructure.deploy.play import Outcome, Play
from infrastructure.local_server import LAUNCHER, LocalServer
from infrastructure.releases import ReleaseArtifact
from infrastructure.sandbox import Mount, base_python, service_command
from shared.errors import TelewrightError
from shared.redaction import Redactor

HERE = Path(__file__).parent
PACKAGES = PurePosixPath("/site-packages")
"""Where a service sees its dependencies; its own files are at `/release`, where it starts."""
DECISIVE = (
    "playbooks",
    "roles",
    "library",
    "module_utils",
    "action_plugins",
    "callback_plugins",
    "ansible.cfg",
    "launch.py",
    "play_process.py",
)
"""What decides what a deployment does."""
OPERATION_S = 720
"""The longest health check that a contract may ask for, and two minutes for all else."""
SETTLE_S = 60
LONGEST_LINE = 500
"""Characters of one line of a log that are shown."""
DIGEST_PREFIX = "sha256:"
LAUNCH = (sys.executable, "-I", "-S", str(LAUNCHER))
"""What supervisord runs, before the file that describes the processes and the name of one."""
COMMIT = re.compile(r"[0-9a-f]{40}")
DIGEST = re.compile(r"[0-9a-f]{64}")


class AnsibleDeployer:
    """Puts releases on the local server."""

    def __init__(
        self,
        server: LocalServer,
        *,
        ports: tuple[int, int] = (8100, 8999),
        instance_ports: tuple[int, int] = (20000, 29999),
        operation_s: float = OPERATION_S,
    ) -> None:
        """Make it.

        Args:
            server: Where releases run. It is started when it is needed.
            ports: First and last of the ports that projects get for good.
            instance_ports: First and last of the ports behind the proxy: below the ones
                the kernel gives to outgoing connections.
            operation_s: The longest that stopping, starting or removing may take, in seconds.
        """
        self._server = server
        self._ports = ports
        self._instance_ports = instance_ports
        self._operation_s = operation_s

    async def deploy(self, request: DeployRequest, on_event: EventHandler) -> DeployResult:
        """Run a release in place of the one that runs now. Safe to repeat."""
        place = self._place(request.project)
        environment = _environment(request)
        try:
            async with asyncio.timeout(request.limit_s):
                variables = self._deployment(request, place, environment)
                outcome = await self._play("deploy", place, request.fence, on_event, variables)
        except TimeoutError as error:
            await self._settle(place, request.fence)
            raise DeploymentFailed(f"the deployment did not end within {request.limit_s:g} s") from error
        if not outcome.succeeded:
            raise _failure(outcome, request.environment)
        return DeployResult(
            url=_url(outcome.port), port=outcome.port, previous_commit=outcome.previous_commit
        )

    async def stop(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        """Stop the service and keep its releases and data."""
        await self._ask("stop", project, fence, on_event)

    async def start(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        """Start the service with the release that ran last."""
        await self._ask("start", project, fence, on_event)

    async def remove(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        """Remove the service with its releases and data."""
        await self._ask("remove", project, fence, on_event)

    async def status(self, project: str) -> ServiceStatus:
        """Say what runs. Asks the service manager itself: people do not wait for a playbook."""
        return await asyncio.to_thread(self._status, self._place(project))

    async def logs(self, project: str, lines: int = 50) -> str:
        """Return the last lines the service wrote."""
        return await asyncio.to_thread(self._logs, self._place(project), lines)

    def playbook_digest(self) -> str:
        """Return the digest of everything that decides what a deployment does."""
        digest = hashlib.sha256()
        for name in DECISIVE:
            top = HERE / name
            for file in sorted(top.rglob("*")) if top.is_dir() else [top]:
                if file.is_file() and "__pycache__" not in file.parts:
                    content = hashlib.sha256(file.read_bytes()).hexdigest()
                    digest.update(f"{file.relative_to(HERE).as_posix()} {content}\n".encode())
        return digest.hexdigest()

    async def _ask(self, playbook: str, project: str, fence: int, on_event: EventHandler) -> None:
        place = self._place(project)
        try:
            async with asyncio.timeout(self._operation_s):
                outcome = await self._play(playbook, place, fence, on_event, {})
        except TimeoutError as error:
            if playbook == "start":
                # Not the others: what they have stopped already is not to come back.
                await self._settle(place, fence)
            raise OperationTookTooLong(
                f"To {playbook} {place.name} took more than {self._operation_s:g} s."
            ) from error
        if not outcome.succeeded:
            raise _failure(outcome, {})

    async def _play(
        self,
        playbook: str,
        place: ProjectPlace,
        fence: int,
        on_event: EventHandler,
        variables: Mapping[str, object],
    ) -> Outcome:
        await self._server.start()
        play = Play(
            playbook=playbook,
            lock=self._server.root / "run" / f"project.{place.name}.lock",
            private=self._server.plays,
            variables={"server": self._described(), "project": place.name, "fence": fence, **variables},
        )
        return await play.run(on_event)

    async def _settle(self, place: ProjectPlace, fence: int) -> None:
        """Remove what a deployment left that was ended in the middle; the next request would, too."""
        with suppress(TimeoutError, TelewrightError):
            async with asyncio.timeout(SETTLE_S):
                await self._play("settle", place, fence, _ignore, {})

    def _described(self) -> Mapping[str, object]:
        return {
            "root": str(self._server.root),
            "sockets": str(self._server.place.sockets),
            "caddy": self._server.caddy_binary,
            "launcher": LAUNCH,
            "first_port": self._ports[0],
            "last_port": self._ports[1],
            "first_instance_port": self._instance_ports[0],
            "last_instance_port": self._instance_ports[1],
        }

    def _deployment(
        self, request: DeployRequest, place: ProjectPlace, environment: Mapping[str, str]
    ) -> Mapping[str, object]:
        contract = request.release.contract
        release = _named(request.release)
        return {
            "release": {
                "commit": release.commit,
                "digest": release.digest,
                "archive": str(request.release.archive),
            },
            "health": {
                "answering": contract.answering,
                "path": contract.health.path,
                "timeout_s": contract.health.timeout_s,
            },
            "launch": {
                "launcher": LAUNCH,
                "secrets": sorted(
                    name for name, value in request.environment.items() if isinstance(value, SecretStr)
                ),
                "processes": _commands(contract, place, release),
                "answering": contract.answering,
                "stop_timeout_s": contract.stop_timeout_s,
            },
            "variables": environment,
            "overlap": contract.overlap,
            "keep_releases": request.keep_releases,
        }

    def _place(self, project: str) -> ProjectPlace:
        if not PROJECT_NAME.fullmatch(project):
            raise BadProjectName
        return self._server.place.project(project)

    def _status(self, place: ProjectPlace) -> ServiceStatus:
        record = records.load(place)
        if record is None or record.current is None:
            return ServiceStatus(ServiceState.ABSENT)
        processes = self._processes(place, record.current)
        started = [process.started for process in processes if process.started]
        return ServiceStatus(
            state=self._state(place, record, processes),
            commit=record.current.release.commit,
            port=record.port,
            url=_url(record.port),
            since=datetime.fromisoformat(record.current.since),
            processes_since=datetime.fromtimestamp(max(started), UTC) if started else None,
        )

    def _processes(self, place: ProjectPlace, instance: Instance) -> list[Process]:
        """Return an instance's processes: none if it has none, or if nobody can say."""
        try:
            return instances.processes(place, instance.name, manager=self._server.supervisor())
        except Refused:
            return []

    def _state(self, place: ProjectPlace, record: Record, processes: Sequence[Process]) -> ServiceState:
        if not record.running:
            return ServiceState.STOPPED
        lives = bool(processes) and all(process.lives for process in processes)
        reachable = self._server.leads_people_to(place.name, record.port)
        return ServiceState.RUNNING if lives and reachable else ServiceState.FAILED

    def _logs(self, place: ProjectPlace, lines: int) -> str:
        record = records.load(place)
        if record is None or record.current is None:
            return ""
        return _short(Redactor().text(logs.tail(place, record.current.name, lines=lines)))


def _named(artifact: ReleaseArtifact) -> Release:
    """Return what a release is called on the server.

    Raises:
        BadRelease: Its commit or digest is none: they become the name of a directory.
    """
    release = Release(artifact.commit, artifact.digest.removeprefix(DIGEST_PREFIX))
    if not (COMMIT.fullmatch(release.commit) and DIGEST.fullmatch(release.digest)):
        raise BadRelease("the release has no proper commit or digest")
    return release


def _commands(contract: DeployContract, place: ProjectPlace, release: Release) -> Mapping[str, Sequence[str]]:
    directory = place.releases / release.directory
    return {
        name: service_command(
            _with_python(process.command),
            release=directory / "app",
            data=place.data,
            environment_file=Path(ENVIRONMENT_FILE),
            limits=contract.resources,
            mounts=[Mount(directory / "site-packages", PACKAGES)],
        )
        for name, process in contract.processes.items()
    }


def _with_python(command: Sequence[str]) -> list[str]:
    """Say which Python is meant: not every system has one called `python`."""
    program, *arguments = command
    return [str(base_python()) if program in ("python", "python3") else program, *arguments]


def _environment(request: DeployRequest) -> Mapping[str, str]:
    """Return what every process of the service gets, besides its port.

    Raises:
        MissingVariables: The contract requires more than was given.
    """
    wanted = request.release.contract.environment
    defaults = {name: variable.default for name, variable in wanted.items() if variable.default is not None}
    given = {name: _plain(value) for name, value in request.environment.items()}
    variables = defaults | given
    if missing := sorted(
        name for name, variable in wanted.items() if variable.required and name not in variables
    ):
        raise MissingVariables(f"the service needs {', '.join(missing)}")
    path = [str(PACKAGES / "bin"), str(base_python().parent), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        **variables,
        "PATH": ":".join(path),
        "PYTHONPATH": f"{PACKAGES}:/release",
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": "/data",
    }


def _plain(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _failure(outcome: Outcome, environment: Mapping[str, SecretStr | str]) -> TelewrightError:
    """Return why a playbook failed, without secrets: first they go, then what is too long is cut."""
    redactor = Redactor(
        value.get_secret_value() for value in environment.values() if isinstance(value, SecretStr)
    )
    outcome.reason = redactor.text(outcome.reason)
    outcome.logs = _short(redactor.text(outcome.logs))
    return outcome.error()


def _short(text: str) -> str:
    return "\n".join(line[:LONGEST_LINE] for line in text.splitlines())


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


async def _ignore(_: DeployEvent) -> None:
    return
