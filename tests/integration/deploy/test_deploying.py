"""Deploying, as somebody sees it who asks for it or uses the service."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from infrastructure.deploy import (
    BadRelease,
    DeployEvent,
    DeploymentFailed,
    DeploymentFenced,
    DeployRequest,
    MissingVariables,
    NotDeployed,
    PortTaken,
    ServiceState,
    StepStatus,
)
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer
from infrastructure.releases import ReleaseArtifact
from tests.integration.deploy.services import Events, Load, commit, release, service, version_at


def request(artifact: ReleaseArtifact, fence: int = 1, **environment: SecretStr | str) -> DeployRequest:
    return DeployRequest(artifact.project, artifact, environment, fence)


async def test_the_first_deployment_answers_with_its_environment_and_nothing_of_ours(
    deployer: AnsibleDeployer, tmp_path: Path, ports: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "ours")
    events = Events()
    token = SecretStr("{{ 1 + 1 }} % ; # ' \" 日本")

    result = await deployer.deploy(request(release(tmp_path, "a"), TOKEN=token, NUMBER="007"), events)

    assert result.port == ports[0]
    assert result.url == f"http://127.0.0.1:{ports[0]}/"
    assert result.previous_commit is None
    async with httpx.AsyncClient() as client:
        environment = (await client.get(result.url)).json()["environment"]
    assert environment["TOKEN"] == token.get_secret_value()
    assert environment["NUMBER"] == "007"
    assert "TELEGRAM_BOT_TOKEN" not in environment
    assert "supervisor" not in str(environment).lower()
    assert events.all[0] == DeployEvent("Look at what is there", StepStatus.STARTED)
    assert any(e.step == "Start the instance" and e.status is StepStatus.CHANGED for e in events.all)
    status = await deployer.status("hello")
    assert (status.state, status.commit, status.port) == (ServiceState.RUNNING, commit("a"), ports[0])
    assert "a listens" in await deployer.logs("hello")


async def test_a_secret_is_in_no_file_event_or_argument_but_the_environment_file(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    secret = secrets.token_hex(16)
    told: list[str] = []
    found: set[Path] = set()

    async def watch(event: DeployEvent) -> None:
        told.append(repr(event))
        for process in psutil.process_iter(["cmdline"]):
            told.extend(process.info["cmdline"] or [])
        found.update(_with_text(tmp_path, secret))

    await deployer.deploy(request(release(tmp_path, "a"), TOKEN=SecretStr(secret)), watch)

    assert not [line for line in told if secret in line]
    [file] = _with_text(tmp_path, secret)
    assert file.name == "web.environment.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert {each.name for each in found} <= {file.name}
    assert list(server.plays.iterdir()) == []


async def test_not_one_request_fails_while_a_second_version_comes_and_goes(
    deployer: AnsibleDeployer, tmp_path: Path
) -> None:
    first, second = release(tmp_path, "a"), release(tmp_path, "b")
    events = Events()
    url = (await deployer.deploy(request(first), events)).url
    load = Load(url)

    # The machine is busy with them as with nothing else: where a gap is, somebody falls into it.
    async with load.under_way(pause_s=0):
        forward = await deployer.deploy(request(second, 2), events)
        assert await version_at(url) == "b"
        back = await deployer.deploy(request(first, 3), events)
        assert await version_at(url) == "a"

    assert load.failures == []
    assert load.versions["a"] > 0
    assert load.versions["b"] > 0
    assert forward.previous_commit == commit("a")
    assert back.previous_commit == commit("b")
    assert forward.url == back.url == url


@pytest.mark.timeout(400)
async def test_not_one_request_fails_while_other_projects_come_and_go(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    url = (await deployer.deploy(request(release(tmp_path, "a")), Events())).url
    [before] = server.supervisor().group("hello-proxy")
    load = Load(url)

    async def come_and_go(project: str) -> None:
        for fence in (1, 3):
            artifact = release(tmp_path, "b", project=project)
            other = await deployer.deploy(request(artifact, fence), Events())
            assert await version_at(other.url) == "b"
            await deployer.remove(project, fence=fence + 1, on_event=Events())

    async with load.under_way(people=8):
        await asyncio.gather(come_and_go("second"), come_and_go("third"))

    assert load.failures == []
    assert load.versions["a"] > 0
    [after] = server.supervisor().group("hello-proxy")
    assert after.pid == before.pid
    assert [p.group for p in server.supervisor().processes() if "." not in p.group] == ["hello-proxy"]


async def test_the_same_deployment_again_changes_nothing_and_a_changed_variable_does(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    artifact = release(tmp_path, "a")
    events = Events()
    await deployer.deploy(request(artifact, COLOUR="red"), events)
    before = _pids(server)

    await deployer.deploy(request(artifact, COLOUR="red"), events)
    assert _pids(server) == before

    await deployer.deploy(request(artifact, COLOUR="blue"), events)
    assert _pids(server).keys().isdisjoint(before.keys())
    assert len(_pids(server)) == 1


async def test_a_release_that_is_not_healthy_leaves_the_old_one_serving_and_shows_its_log(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    events = Events()
    url = (await deployer.deploy(request(release(tmp_path, "a")), events)).url
    sick = release(tmp_path, "b", code=service("b", status=500), health={"path": "/", "timeout_s": 2})
    load = Load(url)

    async with load.under_way():
        with pytest.raises(DeploymentFailed, match="not healthy after 2 s: status 500 at /") as failure:
            await deployer.deploy(request(sick, 2), events)

    assert "b listens" in failure.value.logs
    assert load.failures == []
    assert set(load.versions) == {"a"}
    assert len(_pids(server)) == 1
    assert (await deployer.status("hello")).commit == commit("a")


async def test_a_release_that_dies_is_given_up_at_once_and_its_secrets_stay_out_of_the_log(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    secret = secrets.token_hex(8)
    dying = release(tmp_path, "a", code="import os\nprint(os.environ['TOKEN'])\nraise SystemExit('no luck')")

    with pytest.raises(DeploymentFailed, match="process web keeps ending") as failure:
        await deployer.deploy(request(dying, TOKEN=SecretStr(secret)), Events())

    assert "no luck" in failure.value.logs
    assert "***" in failure.value.logs
    assert secret not in failure.value.logs
    assert _pids(server) == {}
    assert (await deployer.status("hello")).state is ServiceState.ABSENT


async def test_where_two_may_not_meet_the_old_one_stops_first_and_comes_back_after_a_failure(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    events = Events()
    url = (await deployer.deploy(request(release(tmp_path, "a", overlap=False)), events)).url
    most = 0

    async def count(_: DeployEvent) -> None:
        nonlocal most
        most = max(most, len(_pids(server)))

    dying = release(tmp_path, "b", code="raise SystemExit(1)", overlap=False)
    with pytest.raises(DeploymentFailed):
        await deployer.deploy(request(dying, 2), count)
    assert await version_at(url) == "a"

    await deployer.deploy(request(release(tmp_path, "c", overlap=False), 3), count)
    assert await version_at(url) == "c"
    assert most == 1


async def test_a_request_that_is_out_of_date_changes_nothing(
    deployer: AnsibleDeployer, tmp_path: Path
) -> None:
    url = (await deployer.deploy(request(release(tmp_path, "a"), 7), Events())).url

    with pytest.raises(DeploymentFenced):
        await deployer.deploy(request(release(tmp_path, "b"), 6), Events())
    with pytest.raises(DeploymentFenced):
        await deployer.remove("hello", fence=6, on_event=Events())

    assert await version_at(url) == "a"


async def test_a_port_that_somebody_else_has_is_skipped_at_first_and_refused_later(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path, ports: tuple[int, int]
) -> None:
    with _listening(ports[0]):
        result = await deployer.deploy(request(release(tmp_path, "a")), Events())
    assert result.port == ports[0] + 1
    await server.stop()

    with _listening(result.port):
        with pytest.raises(PortTaken, match=str(result.port)):
            await deployer.deploy(request(release(tmp_path, "b"), 2), Events())
        status = await deployer.status("hello")
        assert (status.state, status.commit) == (ServiceState.FAILED, commit("a"))
        assert len(_pids(server)) == 1

    await deployer.deploy(request(release(tmp_path, "b"), 3), Events())
    assert await version_at(result.url) == "b"


async def test_two_deployments_of_one_project_take_turns(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    steps: list[tuple[str, str]] = []

    async def deploy(version: str) -> None:
        async def note(event: DeployEvent) -> None:
            steps.append((version, event.step))

        await deployer.deploy(request(release(tmp_path, version)), note)

    await asyncio.gather(deploy("a"), deploy("b"))

    order = [version for version, _ in steps]
    assert order == sorted(order, key=order.index)
    assert len(_pids(server)) == 1


async def test_a_service_stops_starts_and_goes(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    result = await deployer.deploy(request(release(tmp_path, "a")), Events())

    await deployer.stop("hello", fence=2, on_event=Events())
    assert (await deployer.status("hello")).state is ServiceState.STOPPED
    assert _pids(server) == {}
    async with httpx.AsyncClient() as client:
        assert (await client.get(result.url)).status_code == 503

    await deployer.start("hello", fence=3, on_event=Events())
    assert (await deployer.status("hello")).state is ServiceState.RUNNING
    assert await version_at(result.url) == "a"

    await deployer.remove("hello", fence=4, on_event=Events())
    assert (await deployer.status("hello")).state is ServiceState.ABSENT
    assert _pids(server) == {}
    assert server.supervisor().processes() == []
    assert not (server.place.project("hello").data).exists()
    assert not (server.place.project("hello").proxy).exists()
    with pytest.raises(NotDeployed):
        await deployer.start("hello", fence=5, on_event=Events())
    with pytest.raises(DeploymentFenced):
        await deployer.deploy(request(release(tmp_path, "a"), 1), Events())


async def test_an_archive_that_is_not_the_approved_one_is_refused(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    artifact = release(tmp_path, "a")
    artifact.archive.write_bytes(artifact.archive.read_bytes() + b"\0")

    with pytest.raises(BadRelease, match="digest"):
        await deployer.deploy(request(artifact), Events())

    assert list(server.place.project("hello").releases.iterdir()) == []


async def test_a_variable_that_nobody_gave_is_named_before_anything_is_done(
    deployer: AnsibleDeployer, server: LocalServer, tmp_path: Path
) -> None:
    wanted = {"BOT_TOKEN": {"description": "A token", "secret": True}}

    with pytest.raises(MissingVariables, match="BOT_TOKEN"):
        await deployer.deploy(request(release(tmp_path, "a", environment=wanted)), Events())

    assert not await server.is_running()


def _pids(server: LocalServer) -> dict[int, str]:
    """Return the processes of all services, by process id. A proxy's group has no dot."""
    return {p.pid: p.name for p in server.supervisor().processes() if "." in p.group and p.lives}


def _with_text(directory: Path, text: str) -> list[Path]:
    found = []
    for file in directory.rglob("*"):
        try:
            if file.is_file() and text.encode() in file.read_bytes():
                found.append(file)
        except FileNotFoundError:
            continue
    return found


def _listening(port: int) -> socket.socket:
    foreigner = socket.socket()
    foreigner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    foreigner.bind(("127.0.0.1", port))
    foreigner.listen()
    return foreigner
