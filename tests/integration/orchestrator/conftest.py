"""A bench for each test: real ledgers, git, sandbox and releases; a deployer on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from graph.orchestrator.probe import HttpProbe
from graph.orchestrator.tools import CheckWait, Tools
from graph.roles import BlueprintCoder, CommentPlanner
from infrastructure.attachments import AttachmentStore
from infrastructure.blueprints import Blueprint, Renderings
from infrastructure.dependencies import Dependencies
from infrastructure.forge import LocalForge
from infrastructure.forge.github import FixedToken, GitHubClient, GitHubForge, Patience
from infrastructure.forge.mixed import MixedForge
from infrastructure.releases import ReleaseBuilder
from infrastructure.sandbox import BubblewrapSandbox
from infrastructure.secrets import Secrets
from infrastructure.workspace import Workspaces
from shared.database import Database
from shared.live import Live
from tests.fakes.github import FakeGitHub
from tests.integration.orchestrator.bench import Bench
from tests.integration.orchestrator.blueprint import FAILING, WORKFLOW, note
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
        note(root, "checked", workflow=WORKFLOW),
    )


@pytest.fixture(scope="session")
def renderings() -> Renderings:
    """What was rendered before: each test has blueprints of its own, but mostly the same ones."""
    return Renderings(most=50)


@pytest.fixture
async def deployer() -> AsyncIterator[LoopbackDeployer]:
    deployer = LoopbackDeployer()
    yield deployer
    deployer.close()


@pytest.fixture
def tools(
    home: Path,
    blueprints: tuple[Blueprint, ...],
    renderings: Renderings,
    deployer: LoopbackDeployer,
    shared_parts: SharedParts,
) -> Tools:
    shared_parts.lend_packages(home)
    forge, dependencies = LocalForge(home), Dependencies(home)
    return Tools(
        forge=forge,
        hosting=None,
        check_wait=CheckWait(),
        workspaces=Workspaces(home),
        releases=ReleaseBuilder(home, forge, dependencies),
        dependencies=dependencies,
        sandbox=BubblewrapSandbox(),
        deployer=deployer,
        secrets=Secrets(home),
        blueprints=blueprints,
        planner=CommentPlanner(blueprints),
        coder=BlueprintCoder(blueprints, renderings),
        probe=HttpProbe(),
        attachments=AttachmentStore(home),
    )


@pytest.fixture
async def github() -> AsyncIterator[FakeGitHub]:
    # Its answers are held against GitHub's description where the forge is tested.
    async with FakeGitHub(validate=False) as github:
        yield github


@pytest.fixture
async def hosted(home: Path, tools: Tools, github: FakeGitHub) -> AsyncIterator[Tools]:
    """The tools of a worker that works with GitHub."""
    client = GitHubClient(FixedToken(github.token, github.url), github.url, Patience(5))
    forge = GitHubForge(home, client)
    mixed = MixedForge(forge, LocalForge(home))
    yield replace(
        tools,
        forge=mixed,
        hosting=forge,
        check_wait=CheckWait(limit_s=600),
        releases=ReleaseBuilder(home, mixed, Dependencies(home)),
    )
    forge.close()


@pytest.fixture
async def bench(database_url: str, redis_url: str, tools: Tools) -> AsyncIterator[Bench]:
    async with Database(database_url) as database, Live(redis_url) as live:
        yield Bench(database, live, tools)
