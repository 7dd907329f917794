"""Deployments that are ended in the middle: killed, cancelled, out of time."""

from __future__ import annotations

import asyncio
import fcntl
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infrastructure.deploy import DeployEvent, DeploymentFailed, DeployRequest, OperationTookTooLong
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer
from tests.integration.deploy.services import Events, Load, release, service, version_at

ROOT = Path(__file__).parents[3]
MOMENTS = (
    "Unpack the release: started",
    "Wait until the instance is healthy: started",
    "Switch the proxy to the new instance: changed",
    "Drain and remove the old instance: started",
)
"""Before anything runs, with both running, switched but not written down, written down but not tidied."""


@pytest.mark.timeout(400)
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_killed_worker_leaves_nothing_at_work_and_the_next_one_converges(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path, ports: tuple[int, int], moment: str
) -> None:
    url = (await deployer.deploy(DeployRequest("hello", release(tmp_path, "a"), {}, 1), Events())).url
    load = Load(url)

    async with load.under_way(people=2):
        await _kill_at(moment, server, tmp_path, ports)
        await _until(lambda: not _playing(server))
        assert await version_at(url) in ("a", "b")
        await deployer.deploy(DeployRequest("hello", release(tmp_path, "b"), {}, 2), Events())
        assert await version_at(url) == "b"

    assert load.failures == []
    assert len(_instances(server)) == 1
    place = server.place.project("hello")
    assert len(list(place.instances.iterdir())) == 1
    assert len(list(server.place.programs.iterdir())) == 2, "the instance's and the proxy's"
    assert not list(place.releases.glob(".*"))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("status", ["started", "changed"])
async def test_a_killed_first_deployment_is_repeated(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path, ports: tuple[int, int], status: str
) -> None:
    await server.start()
    await _kill_at(f"Switch the proxy to the new instance: {status}", server, tmp_path, ports)
    await _until(lambda: not _playing(server))

    result = await deployer.deploy(DeployRequest("hello", release(tmp_path, "b"), {}, 2), Events())

    assert await version_at(result.url) == "b"
    assert len(_instances(server)) == 1


@pytest.mark.timeout(400)
async def test_a_proxy_that_is_half_made_is_made_again_by_the_next_deployment(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    request = DeployRequest("hello", release(tmp_path, "a"), {}, 1)
    url = (await deployer.deploy(request, Events())).url
    place = server.place.project("hello")
    manager = server.supervisor(timeout_s=60)

    place.proxy_program.unlink()
    manager.remove(place.proxy_group)
    await deployer.deploy(request, Events())
    assert await version_at(url) == "a"

    manager.remove(place.proxy_group)
    place.site.write_text("half of")
    manager.add(place.proxy_group)
    await deployer.deploy(request, Events())
    assert await version_at(url) == "a"
    assert len(manager.group(place.proxy_group)) == 1


async def test_a_playbook_that_only_waits_dies_with_its_worker_and_frees_the_lock(
    server: LocalServer, deployer: AnsibleDeployer, tmp_path: Path, ports: tuple[int, int]
) -> None:
    await server.start()
    # It has nothing to say for the ten seconds of the health check, so no broken pipe ends it.
    await _kill_at("Wait until the instance is healthy: started", server, tmp_path, ports, status=500)

    before = time.monotonic()
    await _until(lambda: not _playing(server))

    assert time.monotonic() - before < 2
    await deployer.remove("hello", fence=2, on_event=Events())
    assert _instances(server) == []


async def test_cancelling_ends_every_process_of_the_playbook_within_two_seconds(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    waiting = asyncio.Event()

    async def watch(event: DeployEvent) -> None:
        if event.step == "Wait until the instance is healthy":
            waiting.set()

    sick = release(tmp_path, "a", code=service("a", status=500))
    task = asyncio.create_task(deployer.deploy(DeployRequest("hello", sick, {}, 1), watch))
    await waiting.wait()
    assert _playing(server)

    before = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _until(lambda: not _playing(server))

    assert time.monotonic() - before < 2


async def test_a_deployment_out_of_time_is_ended_and_tidied_up(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    begun = asyncio.Event()
    sick = release(tmp_path, "a", code=service("a", status=500), health={"path": "/", "timeout_s": 600})

    async def watch(event: DeployEvent) -> None:
        if event.step == "Wait until the instance is healthy":
            begun.set()

    request = DeployRequest("hello", sick, {}, 1, timeout_s=15)
    with pytest.raises(DeploymentFailed, match="did not end within 15 s"):
        await deployer.deploy(request, watch)

    assert begun.is_set()
    assert _instances(server) == []


@pytest.mark.parametrize("operation", ["stop", "start", "remove"])
async def test_an_operation_out_of_time_is_ended_and_says_so(
    server: LocalServer, ports: tuple[int, int], operation: str
) -> None:
    deployer = AnsibleDeployer(server, ports=ports, operation_s=2)
    await server.start()
    with (server.root / "run" / "project.hello.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # What ends it may tidy up then.
        asyncio.get_running_loop().call_later(3, fcntl.flock, lock, fcntl.LOCK_UN)

        with pytest.raises(OperationTookTooLong, match=f"To {operation} hello took more than 2 s"):
            await getattr(deployer, operation)("hello", fence=1, on_event=Events())

    await _until(lambda: not _playing(server))


async def _kill_at(
    moment: str, server: LocalServer, directory: Path, ports: tuple[int, int], *, status: int = 200
) -> None:
    order = {
        "root": str(server.root),
        "ports": ports,
        "archives": str(directory),
        "version": "b",
        "fence": 2,
        "status": status,
    }
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.deploy.worker",
        json.dumps(order),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    async for line in worker.stdout:
        if line.decode().strip() == moment:
            worker.kill()
    assert await worker.wait() == -9, "the moment never came"


def _playing(server: LocalServer) -> list[psutil.Process]:
    """Return the processes of playbooks on this server."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(server.plays) in command and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def _instances(server: LocalServer) -> list[str]:
    return [p.group for p in server.supervisor().processes() if "." in p.group and p.lives]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)
