"""A bench for each test: real ledgers, git, sandbox and releases; a deployer on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graph.orchestrator.probe import HttpProbe
from graph.orchestrator.tools import Tools
from graph.roles import BlueprintCoder, CommentPlanner
from infrastructure.attachments import AttachmentStore
from infrastructure.blueprints import Blueprint
from infrastructure.dependencies import Dependencies
from infrastructure.forge import LocalForge
from infrastructure.releases import ReleaseBuilder
from infrastructure.sandbox import BubblewrapSandbox
from infrastructure.secrets import Secrets
from infrastructure.workspace import Workspaces
from shared.database import Database
from shared.live import Live
from tests.integration.orchestrator.bench import Bench
from tests.integration.orchestrator.blueprint import FAILING, note
from tests.integration.orchestrator.loopback import LoopbackDeployer
from tests.parts import SharedParts

PLAIN = """
environment:
  GREETING:
    description: What it says first
  COLOUR:
    description: Of the page
    default: blue
"""
SECRET = """
environment:
  API_KEY:
    description: For the weather service
    secret: true
"""


@pytest.fixture
def blueprints(tmp_path: Path) -> tuple[Blueprint, ...]:
    """Blueprints for what can happen to one."""
    root = tmp_path / "blueprints"
    return (
        note(root),
        note(root, "broken", checks=FAILING),
        note(root, "greeting", environment=PLAIN),
        note(root, "weather", environment=SECRET),
    )


@pytest.fixture
async def deployer() -> AsyncIterator[LoopbackDeployer]:
    deployer = LoopbackDeployer()
    yield deployer
    deployer.close()


@pytest.fixture
def tools(
    home: Path, blueprints: tuple[Blueprint, ...], deployer: LoopbackDeployer, shared_parts: SharedParts
) -> Tools:
    shared_parts.lend_packages(home)
    forge, dependencies = LocalForge(home), Dependencies(home)
    return Tools(
        forge=forge,
        workspaces=Workspaces(home),
        releases=ReleaseBuilder(home, forge, dependencies),
        dependencies=dependencies,
        sandbox=BubblewrapSandbox(),
        deployer=deployer,
        secrets=Secrets(home),
        blueprints=blueprints,
        planner=CommentPlanner(blueprints),
        coder=BlueprintCoder(blueprints),
        probe=HttpProbe(),
        attachments=AttachmentStore(home),
    )


@pytest.fixture
async def bench(database_url: str, redis_url: str, tools: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, tools)
