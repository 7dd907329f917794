"""A real service under the real server: hung, killed, and started again by its server."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from graph.orchestrator.probe import HttpProbe
from infrastructure.deploy import DeployRequest, ServiceState
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer
from infrastructure.machine import LocalMachine
from scheduler.server_health import World
from shared.ledger.health import FAILURES, SUCCESSES, State
from tests.engine import until
from tests.integration.deploy.services import Events, release, service
from tests.integration.scheduler.watch import Watch

CHATTY = f"import os\nprint('my token is', os.environ['TOKEN'], flush=True)\n{service('a')}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LocalServer]:
    server = LocalServer(tmp_path / "server")
    yield server
    await server.stop()


@pytest.mark.timeout(150)
async def test_a_service_that_hangs_is_down_until_it_answers_again_which_is_seen_with_its_restart(
    watch: Watch, server: LocalServer, tmp_path: Path
) -> None:
    machine = LocalMachine(tmp_path)
    assert not await machine.has_server()
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    deployer = AnsibleDeployer(server, ports=(9_500 + 10 * worker, 9_509 + 10 * worker))
    token = secrets.token_hex(16)
    artifact = release(tmp_path, "a", code=CHATTY, stop_timeout_s=1)
    await deployer.deploy(DeployRequest("hello", artifact, {"TOKEN": SecretStr(token)}, 1), Events())
    await watch.contract(artifact.contract.model_dump(mode="json"))
    world = World(watch.edge, deployer, HttpProbe())
    hasty = World(watch.edge, deployer, HttpProbe(timeout_s=0.5))
    assert await machine.has_server()
    assert await machine.manager_answers()

    await watch.look(SUCCESSES, world)
    assert (await watch.known()).state is State.UP

    for process in _processes(server):
        process.suspend()
    await watch.look(FAILURES, hasty)
    [down] = await watch.told()
    assert "asked for /, it does not answer" in down.plain
    assert "my token is ***" in down.plain
    assert token not in down.plain

    hung = (await deployer.status("hello")).processes_since

    async def runs_again() -> bool:
        seen = await deployer.status("hello")
        return seen.state is ServiceState.RUNNING and seen.processes_since != hung

    for process in _processes(server):
        # With the first of a sandbox the others end.
        with suppress(psutil.NoSuchProcess):
            process.kill()
    await until(runs_again, within_s=60)
    await watch.look(1, world)
    assert (await watch.known()).finding == "one of its processes has ended, and was started again"
    await watch.look(SUCCESSES, world)
    [back] = await watch.told()
    assert "hello is up again" in back.plain

    await server.stop()
    assert not await machine.manager_answers()


async def test_a_machine_tells_what_it_has_left(tmp_path: Path) -> None:
    seen = await LocalMachine(tmp_path).vitals()
    assert 0 < seen.disk < 1
    assert 0 < seen.memory < 1
    assert seen.disk_free > 0
    assert seen.load >= 0


def _processes(server: LocalServer) -> list[psutil.Process]:
    """The processes of the one service, and all that they have started."""
    [instance] = [one for one in server.supervisor().processes() if "." in one.group]
    return psutil.Process(instance.pid).children(recursive=True)
