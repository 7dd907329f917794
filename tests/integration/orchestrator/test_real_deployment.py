"""The whole way on real parts: blueprint, sandbox, git, Ansible, supervisor and Caddy."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from graph.orchestrator.tools import Tools
from graph.orchestrator.work import Build, Deploy, Remove, Rollback
from graph.roles import BlueprintCoder, CommentPlanner
from infrastructure.blueprints import Renderings, catalogue
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.local_server import LocalServer
from shared.ledger import events
from shared.ledger.runs import Run, Status
from tests.integration.orchestrator.bench import Bench, push

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def real(bench: Bench, tools: Tools, renderings: Renderings, tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench with the blueprints that Telewright brings along, and a server of its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    server = LocalServer(tmp_path / "server")
    blueprints = tuple(catalogue())
    bench.tools = replace(
        tools,
        deployer=AnsibleDeployer(server, ports=(9_000 + 50 * worker, 9_049 + 50 * worker)),
        blueprints=blueprints,
        planner=CommentPlanner(blueprints),
        coder=BlueprintCoder(blueprints, renderings),
    )
    yield bench
    await server.stop()


async def test_a_web_service_is_built_changed_rolled_back_and_removed(real: Bench) -> None:
    run = await real.work(Build(blueprint="web-service", name="hello", description="Says hello"))
    run = await real.answer(run, "approve")
    assert "passed" in dict((await real.asks(run)).question["facts"])["Tests"]
    run = await real.answer(run, "approve")
    if run.status is Status.WAITING:
        pytest.fail((await real.asks(run)).question["text"])
    first = _url(run)
    assert await _status(f"{first}/health") == 200
    told = await real.told(run, events.DEPLOYMENT_ADVANCED)
    assert {"started", "changed"} <= {event["status"] for event in told}

    project = await real.project("hello")
    await push(project, "CHANGES.md", "A second version\n")
    second = await real.answer(await real.work(Deploy(project_id=project.id)), "approve")
    assert (_url(second), second.result["release"]) == (first, 2)  # type: ignore[index]

    back = await real.answer(await real.work(Rollback(project_id=project.id)), "approve")
    assert (_url(back), back.result["release"]) == (first, 1)  # type: ignore[index]

    gone = await real.answer(await real.work(Remove(project_id=project.id)), "approve")
    assert gone.status is Status.SUCCEEDED, gone.reason
    assert await _status(f"{first}/health") is None


def _url(run: Run) -> str:
    assert run.status is Status.SUCCEEDED, run.reason
    assert run.result is not None
    return str(run.result["url"]).rstrip("/")


async def _status(url: str) -> int | None:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(url)).status_code
        except httpx.ConnectError:
            return None
