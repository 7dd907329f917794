"""What the orchestrator works with: put together once by a process's main module."""

from __future__ import annotations

from dataclasses import dataclass

from graph.orchestrator.probe import Probe
from graph.orchestrator.state import State
from graph.roles import Coder, Planner
from infrastructure.attachments import AttachmentStore
from infrastructure.blueprints import Blueprint
from infrastructure.dependencies import Dependencies
from infrastructure.deploy import Deployer
from infrastructure.forge import Forge
from infrastructure.forge.hosting import Hosting
from infrastructure.releases import ReleaseBuilder
from infrastructure.sandbox import Sandbox
from infrastructure.secrets import Secrets
from infrastructure.workspace import Workspaces
from shared.errors import TelewrightError


class NothingHosted(TelewrightError):
    """This work is in a pull request, and GitHub is not configured any more."""

    code = "nothing_hosted"
    advice = "Set GITHUB_TOKEN or the app again, restart the workers, and start the work anew."


@dataclass(frozen=True, slots=True)
class CheckWait:
    """How long the checks of a pull request are waited for, and how often they are looked at."""

    limit_s: float = 1800.0
    shortest_s: float = 5.0
    """Between two looks at first; later a quarter of the time that has gone by."""
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Tools:
    """The outside world, and the roles that think."""

    forge: Forge
    hosting: Hosting | None
    """Where changes are proposed and checked; None: they are put on the default branch."""
    check_wait: CheckWait
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
    dashboard: str | None = None
    """The address of a dashboard that shows projects and runs, if there is one."""


def is_proposed(state: State, tools: Tools) -> bool:
    """Say whether the run's work goes into a pull request: not what stands in a commit already."""
    return tools.hosting is not None and "commit" not in state


def hosting_of(tools: Tools) -> Hosting:
    """Return where changes are proposed.

    Raises:
        NothingHosted: Nowhere, since this worker was started without it.
    """
    if tools.hosting is None:
        raise NothingHosted
    return tools.hosting
