"""A deployer without Ansible: each project is one small HTTP server in the test's own process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from infrastructure.deploy import (
    DeployEvent,
    DeploymentFenced,
    DeployRequest,
    DeployResult,
    EventHandler,
    NotDeployed,
    ServiceState,
    ServiceStatus,
    StepStatus,
)


@dataclass
class Service:
    """What runs for one project."""

    server: asyncio.Server
    port: int
    commit: str
    environment: dict[str, str]
    state: ServiceState = ServiceState.RUNNING
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


class LoopbackDeployer:
    """Keeps a `Deployer`'s promises, fences included."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}
        self.fences: dict[str, int] = {}
        self.deployed: list[str] = []
        """The commits, in the order in which they were put live."""
        self.asked: list[str] = []
        """What was asked for besides deployments, in the order in which it was."""
        self.failures: list[Exception] = []
        """What the next deployments fail with."""
        self.playbook = "playbook-1"

    async def deploy(self, request: DeployRequest, on_event: EventHandler) -> DeployResult:
        self._pass_fence(request.project, request.fence)
        await on_event(DeployEvent("Start the new instance", StepStatus.STARTED))
        if self.failures:
            raise self.failures.pop(0)
        before = self.services.get(request.project)
        server = await asyncio.start_server(_answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        commit = request.release.commit
        environment = {
            name: value if isinstance(value, str) else value.get_secret_value()
            for name, value in request.environment.items()
        }
        self.services[request.project] = Service(server, port, commit, environment)
        self.deployed.append(commit)
        if before:
            before.server.close()
        await on_event(DeployEvent("Start the new instance", StepStatus.CHANGED, "it \x1b[31manswers", 0.1))
        return DeployResult(f"http://127.0.0.1:{port}", port, before.commit if before else None)

    async def stop(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        self._pass_fence(project, fence)
        self.asked.append("stop")
        self._service(project).state = ServiceState.STOPPED

    async def start(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        self._pass_fence(project, fence)
        self.asked.append("start")
        self._service(project).state = ServiceState.RUNNING

    async def remove(self, project: str, *, fence: int, on_event: EventHandler) -> None:
        self._pass_fence(project, fence)
        self._service(project).server.close()
        del self.services[project]

    async def status(self, project: str) -> ServiceStatus:
        if project not in self.services:
            return ServiceStatus(ServiceState.ABSENT)
        service = self.services[project]
        url = f"http://127.0.0.1:{service.port}"
        return ServiceStatus(service.state, service.commit, service.port, url, service.since)

    async def logs(self, project: str, lines: int = 50) -> str:
        return ""

    def playbook_digest(self) -> str:
        return self.playbook

    def close(self) -> None:
        for service in self.services.values():
            service.server.close()

    def _pass_fence(self, project: str, fence: int) -> None:
        if fence <= self.fences.get(project, 0):
            raise DeploymentFenced
        self.fences[project] = fence

    def _service(self, project: str) -> Service:
        if project not in self.services:
            raise NotDeployed
        return self.services[project]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()
