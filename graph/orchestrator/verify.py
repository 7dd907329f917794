"""Looking at what was deployed: the right commit, and an answer over HTTP."""

from __future__ import annotations

import asyncio
import time

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.configure import contract_of
from graph.orchestrator.repository import is_hosted
from graph.orchestrator.state import Outcome, State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of, release_of
from infrastructure.deploy import ServiceState
from shared.errors import TelewrightError
from shared.ledger import events
from shared.ledger.projects import Project
from shared.ledger.releases import Release

PATIENCE_S = 15.0
LOOK_EVERY_S = 0.5


class NotServing(TelewrightError):
    """The deployment succeeded, but the service does not serve as it should."""

    code = "not_serving"
    advice = "Look at /logs; /rollback puts the release before live again."


async def verify(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Look until the service answers; then it is told of where its repository is, if that is a place for it.

    Raises:
        NotServing: It does not, for as long as it is given.
    """
    project = await project_of(context, state)
    release = await release_of(context, state)
    url = state["url"].rstrip("/") + contract_of(release).health.path
    deadline = time.monotonic() + PATIENCE_S
    while (fault := await _fault(tools, project, release, url)) is not None:
        if time.monotonic() > deadline:
            raise NotServing(f"{project.name} was deployed, but {fault}.")
        await asyncio.sleep(LOOK_EVERY_S)
    context.emit(events.NOTE_WRITTEN, {"text": f"{url} answers."})
    goto = Step.ANNOUNCE if is_hosted(project, tools) else Step.REPORT
    return Command(update={"outcome": Outcome.LIVE.value}, goto=goto)


async def _fault(tools: Tools, project: Project, release: Release, url: str) -> str | None:
    status = await tools.deployer.status(project.name)
    if status.state is not ServiceState.RUNNING:
        return f"it is {status.state}"
    if status.commit != release.commit_sha:
        return f"commit {(status.commit or 'none')[:12]} runs instead"
    return await tools.probe.fault(url)
