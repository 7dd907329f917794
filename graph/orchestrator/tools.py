"""What the orchestrator works with: put together once by a process's main module."""

from __future__ import annotations

from dataclasses import dataclass

from graph.orchestrator.probe import Probe
from graph.roles import Coder, Planner
from infrastructure.attachments import AttachmentStore
from infrastructure.blueprints import Blueprint
from infrastructure.dependencies import Dependencies
from infrastructure.deploy import Deployer
from infrastructure.forge import Forge
from infrastructure.releases import ReleaseBuilder
from infrastructure.sandbox import Sandbox
from infrastructure.secrets import Secrets
from infrastructure.workspace import Workspaces


@dataclass(frozen=True, slots=True)
class Tools:
    """The outside world, and the roles that think."""

    forge: Forge
    workspaces: Workspaces
    releases: ReleaseBuilder
    dependencies: Dependencies
    sandbox: Sandbox
    deployer: Deployer
    secrets: Secrets
    blueprints: tuple[Blueprint, ...]
    planner: Planner
    coder: Coder
    probe: Probe
    attachments: AttachmentStore
