"""The server on this machine: it comes up once, outlives its starter, and comes back with its services."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from infrastructure.deploy import DeployRequest, ServerUnavailable
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.deploy.module_utils.telewright.ports import has_listener
from infrastructure.local_server import LocalServer
from tests.integration.deploy.services import Events, release, version_at

ROOT = Path(__file__).parents[3]


async def test_many_who_start_it_at_once_get_one_server(server: LocalServer) -> None:
    await asyncio.gather(*(LocalServer(server.root).start() for _ in range(4)))

    assert await server.is_running()
    assert len(_supervisors(server)) == 1


async def test_it_works_in_a_directory_whose_name_is_too_long_for_a_socket(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / ("long name" * 12) / "server")
    try:
        await server.start()
        assert await server.is_running()
        assert server.place.sockets.is_symlink()
    finally:
        await server.stop()
    assert not await server.is_running()
    assert not server.place.sockets.is_symlink()


async def test_a_service_runs_in_a_directory_with_blanks_and_umlauts_in_its_name(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    server = LocalServer(tmp_path / "a home of our öwn" / "server")
    try:
        request = DeployRequest("hello", release(tmp_path, "a"), {}, 1)
        result = await AnsibleDeployer(server, ports=ports).deploy(request, Events())
        assert await version_at(result.url) == "a"
    finally:
        await server.stop()


async def test_what_has_stopped_is_said_at_once(server: LocalServer) -> None:
    await server.start()
    program = server.place.programs / "sleeper.conf"
    program.write_text("[program:sleeper]\ncommand=sleep 600\nstartsecs=0\n")
    manager = server.supervisor(timeout_s=60)
    took = []

    for _ in range(5):
        manager.add("sleeper")
        # A signal that comes before the program does is supervisord's own, and is lost.
        await _until(lambda: psutil.Process(manager.group("sleeper")[0].pid).name() == "sleep")
        begun = time.monotonic()
        manager.remove("sleeper")
        took.append(time.monotonic() - begun)

    # supervisord as it comes looks around once a second: the quickest of them would take as long.
    assert min(took) < 0.9


async def test_it_refuses_a_directory_that_its_configuration_could_not_name(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailable, match="in its name"):
        await LocalServer(tmp_path / "a;b").start()


async def test_what_keeps_it_from_starting_is_said_so_that_it_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServerUnavailable, match="Not a directory"):
        await LocalServer(tmp_path / "file" / "server").start()


async def test_it_knows_nothing_of_our_environment_and_listens_on_no_port(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "ours")

    await server.start()

    [supervisor] = _supervisors(server)
    family = [supervisor, *supervisor.children(recursive=True)]
    assert len(family) == 1
    assert not [process for process in family if "DATABASE_URL" in process.environ()]
    assert not [socket for process in family for socket in process.net_connections("inet")]


async def test_it_outlives_whoever_started_it(server: LocalServer) -> None:
    code = (
        "import asyncio, os, signal, sys; from pathlib import Path;"
        "from infrastructure.local_server import LocalServer;"
        "asyncio.run(LocalServer(Path(sys.argv[1])).start());"
        "os.killpg(0, signal.SIGKILL)"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(server.root), cwd=ROOT, start_new_session=True
    )

    assert await starter.wait() == -9
    assert await server.is_running()


@pytest.mark.timeout(300)
async def test_services_come_back_with_the_server_however_it_ended(
    server: LocalServer, deployer: AnsibleDeployer, tmp_path: Path
) -> None:
    result = await deployer.deploy(DeployRequest("hello", release(tmp_path, "a"), {}, 1), Events())
    url, port = result.url, result.port

    await server.stop()
    assert not await server.is_running()
    assert not has_listener(port)
    await server.start()
    assert server.leads_people_to("hello", port)
    await _answers(url)

    [supervisor] = _supervisors(server)
    family = supervisor.children(recursive=True)
    os.kill(supervisor.pid, signal.SIGKILL)
    await _until(lambda: not any(_lives(process) for process in family))
    await server.start()
    await _answers(url)

    [process] = [p for p in server.supervisor().processes() if p.group == "hello-proxy"]
    os.kill(process.pid, signal.SIGKILL)
    await _answers(url)


async def _answers(url: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                assert await version_at(url) == "a"
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
            else:
                return


def _supervisors(server: LocalServer) -> list[psutil.Process]:
    configuration = str(server.root / "supervisord.conf")
    running = psutil.process_iter(["cmdline"])
    return [process for process in running if configuration in (process.info["cmdline"] or [])]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)
