"""Stopping, starting, restarting and removing what is deployed."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.deploy import tell
from graph.orchestrator.fence import fenced
from graph.orchestrator.questions import APPROVE, approval, ask, decline, still_holds
from graph.orchestrator.repository import put_away
from graph.orchestrator.state import Outcome, State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import any_project_of, project_of, serving_before
from infrastructure.deploy import NotDeployed
from shared.ledger import deployments, projects, releases
from shared.ledger.projects import Project
from shared.ledger.questions import Question
from shared.policy import Effect, Rule, group_of, rule_for
from shared.redaction import Redactor

_DONE = {
    "stop": Outcome.STOPPED,
    "start": Outcome.STARTED,
    "restart": Outcome.RESTARTED,
    "remove": Outcome.REMOVED,
}


async def approve_operation(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether it may be done, where policy wants that."""
    rule, question = await _proposal(state, context)
    if not rule.automatic:
        answer = ask(question)
        if answer.choice != APPROVE.key:
            return Command(update={"outcome": Outcome.KEPT.value}, goto=Step.REPORT)
        if not await still_holds(context, question, answer):
            return Command(goto=Step.APPROVE_OPERATION)
    return Command(goto=Step.OPERATE)


async def operate(state: State, context: RunContext, tools: Tools) -> State:
    """Do it, once."""
    # A removal that is repeated after a crash finds the project removed.
    project = await any_project_of(context, state)
    do = {"stop": _stop, "start": _start, "restart": _restart, "remove": _remove}[state["kind"]]
    request = {"do": state["kind"], "project": str(project.id)}
    await context.ensure("service", "service", request, partial(do, context, tools, project))
    return State(outcome=_DONE[state["kind"]].value)


async def _proposal(state: State, context: RunContext) -> tuple[Rule, Question]:
    project = await project_of(context, state)
    serving = await serving_before(context, project)
    removal = state["kind"] == "remove"
    rule = rule_for(Effect.REMOVAL if removal else Effect.SERVICE, group_of(project.server))
    facts = {
        "Project": project.name,
        "Server": project.server,
        "Running": f"release {serving.number}" if serving and project.service == "running" else "nothing",
    }
    if removal:
        facts["Repository"] = project.repository["url"] if project.repository else "none"
    question = approval(
        state["kind"],
        f"{state['kind'].capitalize()} {project.name}?",
        rule=rule,
        subject={
            "do": state["kind"],
            "project": str(project.id),
            "server": project.server,
            "service": project.service,
            "serving": serving.digest if serving else None,
            "repository": project.repository,
        },
        facts=facts,
        choices=[APPROVE, decline(state["kind"])],
        text="The service is removed with its data and its secrets. The repository is put away, not deleted."
        if removal
        else "",
    )
    return rule, question


async def _stop(context: RunContext, tools: Tools, project: Project) -> dict[str, Any]:
    await tools.deployer.stop(project.name, fence=await _fence(context), on_event=_listener(context))
    async with fenced(context) as tx:
        await projects.set_service(tx, project.id, "stopped")
    return {}


async def _start(context: RunContext, tools: Tools, project: Project) -> dict[str, Any]:
    await tools.deployer.start(project.name, fence=await _fence(context), on_event=_listener(context))
    async with fenced(context) as tx:
        await projects.set_service(tx, project.id, "running")
    return {}


async def _restart(context: RunContext, tools: Tools, project: Project) -> dict[str, Any]:
    """Stop it and start it. It stays wanted in between, so that one that does not come up again is down."""
    await tools.deployer.stop(project.name, fence=await _fence(context), on_event=_listener(context))
    return await _start(context, tools, project)


async def _remove(context: RunContext, tools: Tools, project: Project) -> dict[str, Any]:
    """Remove everything but the history; the row last, so that its name is not free before.

    Whatever goes by the project's name alone is fenced: for a worker that was paused in here,
    the name may be a new project's by now.
    """
    fence = await _fence(context)
    # It may never have been deployed, or be removed by an attempt before a crash.
    with contextlib.suppress(NotDeployed):
        await tools.deployer.remove(project.name, fence=fence, on_event=_listener(context))
    # Another project of this name must not find them.
    await tools.secrets.remove(project.name, fence=fence)
    async with context.database.connection() as connection:
        built = await releases.of_project(connection, project.id, limit=1000)
    for release in built:
        await tools.releases.remove(project.name, release.commit_sha)
    await put_away(project, tools)
    async with fenced(context) as tx:
        await projects.remove(tx, project.id)
    return {}


async def _fence(context: RunContext) -> int:
    async with fenced(context) as tx:
        return await deployments.next_fence(tx)


def _listener(context: RunContext) -> partial[Any]:
    return partial(tell, context, Redactor())
