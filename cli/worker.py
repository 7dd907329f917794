"""The worker's process: builds its parts and hands them over."""

from __future__ import annotations

from functools import partial

from cli.ledgers import open_ledgers
from cli.metrics.alone import exposing_itself
from graph.orchestrator.graph import build_orchestrator
from graph.orchestrator.probe import HttpProbe
from graph.orchestrator.tools import CheckWait, Tools
from graph.orchestrator.version import ENTRYPOINT
from graph.roles import BlueprintCoder, CommentPlanner
from graph.worker import work
from infrastructure.attachments import AttachmentStore
from infrastructure.blueprints import Renderings, catalogue
from infrastructure.dependencies import Dependencies
from infrastructure.deploy.ansible import AnsibleDeployer
from infrastructure.forge import Places, open_places
from infrastructure.local_server import LocalServer
from infrastructure.releases import ReleaseBuilder
from infrastructure.sandbox import BubblewrapSandbox
from infrastructure.secrets import Secrets
from infrastructure.workspace import Workspaces
from shared.settings import Settings


async def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        BadSetting: What makes a GitHub app is not all there, or METRICS_ADDRESS cannot be listened on.
        Unavailable: The database cannot be reached, or nothing runs for this home.
    """
    with open_places(settings) as places:
        async with (
            open_ledgers(settings, connections=settings.worker_concurrency) as (database, live),
            exposing_itself(settings),
        ):
            provided = {ENTRYPOINT: partial(build_orchestrator, _tools(settings, places))}
            await work(database, live, provided, concurrency=settings.worker_concurrency)


def _tools(settings: Settings, places: Places) -> Tools:
    """Put together what the orchestrator works with, on this machine."""
    home = settings.home
    blueprints = tuple(catalogue())
    dependencies = Dependencies(home)
    return Tools(
        forge=places.forge,
        hosting=places.hosting,
        check_wait=CheckWait(),
        workspaces=Workspaces(home),
        releases=ReleaseBuilder(home, places.forge, dependencies),
        dependencies=dependencies,
        sandbox=BubblewrapSandbox(),
        deployer=AnsibleDeployer(LocalServer(home / "server"), ports=settings.service_ports),
        secrets=Secrets(home),
        blueprints=blueprints,
        planner=CommentPlanner(blueprints),
        coder=BlueprintCoder(blueprints, Renderings()),
        probe=HttpProbe(),
        attachments=AttachmentStore(home),
        dashboard=settings.dashboard_url,
    )
