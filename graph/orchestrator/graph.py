"""The graph: which step follows which."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.announce import announce
from graph.orchestrator.approve_merge import approve_merge
from graph.orchestrator.approve_plan import approve_plan
from graph.orchestrator.approve_release import approve_release
from graph.orchestrator.approve_workflows import approve_workflows
from graph.orchestrator.checks import await_checks
from graph.orchestrator.configure import configure, provide
from graph.orchestrator.deploy import deploy, deploy_again
from graph.orchestrator.fence import fenced
from graph.orchestrator.intake import clarify, take_in_build
from graph.orchestrator.merge import merge
from graph.orchestrator.operate import approve_operation, operate
from graph.orchestrator.plan import plan
from graph.orchestrator.propose import propose, propose_again
from graph.orchestrator.protect import protect
from graph.orchestrator.publish import publish
from graph.orchestrator.report import report
from graph.orchestrator.retries import POLICY, is_transient, last_attempt
from graph.orchestrator.save_work import save_work
from graph.orchestrator.scaffold import checkout, scaffold
from graph.orchestrator.selection import select_for_deploy, select_for_operation, select_for_rollback
from graph.orchestrator.state import State, Step
from graph.orchestrator.testing import test
from graph.orchestrator.tools import Tools, is_proposed
from graph.orchestrator.verify import verify
from graph.orchestrator.version import WORKFLOW
from graph.orchestrator.work import Build, Deploy, Rollback, parse
from infrastructure.disk import named_when_full
from shared.errors import NotNow, TelewrightError

Action = Callable[[State, RunContext, Tools], Awaitable[State | Command[Step]]]
Orchestrator = CompiledStateGraph[State, RunContext, State, State]


def build_orchestrator(tools: Tools) -> Orchestrator:
    """Compile the graph, once a process.

    Args:
        tools: What its steps work with.
    """
    graph: StateGraph[State, RunContext, State, State] = StateGraph(State, context_schema=RunContext)

    def add(step: Step, action: Action, *leads_to: Step) -> None:
        destinations = tuple(str(one) for one in leads_to) or None
        graph.add_node(step, _node(action, tools), retry_policy=POLICY, destinations=destinations)

    add(
        Step.INTAKE, intake,
        Step.CLARIFY, Step.PLAN, Step.CHECKOUT, Step.CONFIGURE, Step.ANNOUNCE, Step.APPROVE_OPERATION, Step.REPORT,
    )  # fmt: skip
    add(Step.CLARIFY, clarify, Step.INTAKE, Step.REPORT)
    add(Step.PLAN, plan)
    add(Step.APPROVE_PLAN, approve_plan, Step.PLAN, Step.SCAFFOLD, Step.REPORT)
    add(Step.SCAFFOLD, scaffold)
    add(Step.CHECKOUT, checkout)
    add(Step.APPROVE_WORKFLOWS, approve_workflows, Step.SAVE_WORK, Step.REPORT)
    add(Step.SAVE_WORK, save_work)
    add(Step.TEST, test)
    add(Step.PROPOSE, propose, Step.PROPOSE_AGAIN, Step.CHECKS)
    add(Step.PROPOSE_AGAIN, propose_again, Step.PROPOSE)
    add(
        Step.CHECKS, await_checks,
        Step.CHECKS, Step.PROPOSE_AGAIN, Step.APPROVE_MERGE, Step.CHECKOUT, Step.REPORT,
    )  # fmt: skip
    add(Step.APPROVE_MERGE, approve_merge, Step.APPROVE_MERGE, Step.CHECKS, Step.MERGE, Step.REPORT)
    add(
        Step.MERGE, merge,
        Step.CHECKS, Step.APPROVE_MERGE, Step.PROPOSE_AGAIN, Step.CHECKOUT, Step.PUBLISH,
    )  # fmt: skip
    add(Step.PUBLISH, publish)
    add(Step.PROTECT, protect)
    add(Step.CONFIGURE, configure, Step.PROVIDE, Step.APPROVE_RELEASE)
    add(Step.PROVIDE, provide, Step.CONFIGURE, Step.REPORT)
    add(Step.APPROVE_RELEASE, approve_release, Step.CONFIGURE, Step.DEPLOY, Step.REPORT)
    add(Step.DEPLOY, deploy, Step.APPROVE_RELEASE, Step.DEPLOY_AGAIN, Step.VERIFY)
    add(Step.DEPLOY_AGAIN, deploy_again, Step.DEPLOY)
    add(Step.VERIFY, verify, Step.ANNOUNCE, Step.REPORT)
    add(Step.ANNOUNCE, announce)
    add(Step.APPROVE_OPERATION, approve_operation, Step.APPROVE_OPERATION, Step.OPERATE, Step.REPORT)
    add(Step.OPERATE, operate)
    add(Step.REPORT, report)

    # What follows without a choice; the rest is decided by the steps, among the destinations above.
    graph.add_edge(START, Step.INTAKE)
    graph.add_edge(Step.PLAN, Step.APPROVE_PLAN)
    graph.add_edge(Step.SAVE_WORK, Step.TEST)
    graph.add_edge(Step.CHECKOUT, Step.TEST)
    graph.add_edge(Step.PROTECT, Step.CONFIGURE)
    graph.add_edge(Step.ANNOUNCE, Step.REPORT)
    graph.add_edge(Step.OPERATE, Step.REPORT)
    graph.add_edge(Step.REPORT, END)

    # What depends on whether there is a place where changes are proposed.
    def where(hosted: Step, otherwise: Step) -> Callable[[State], Step]:
        return lambda state: hosted if is_proposed(state, tools) else otherwise

    graph.add_conditional_edges(
        Step.SCAFFOLD, where(Step.APPROVE_WORKFLOWS, Step.TEST), [Step.APPROVE_WORKFLOWS, Step.TEST]
    )
    graph.add_conditional_edges(Step.TEST, where(Step.PROPOSE, Step.PUBLISH), [Step.PROPOSE, Step.PUBLISH])
    graph.add_conditional_edges(Step.PUBLISH, _after_publishing, [Step.PROTECT, Step.CONFIGURE])
    return graph.compile(name=WORKFLOW)


async def intake(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Read what is asked for, and check it."""
    match parse(context.run.input):
        case Build():
            return await take_in_build(state, context, tools)
        case Deploy() as work:
            return await select_for_deploy(work, state, context, tools)
        case Rollback() as work:
            return await select_for_rollback(work, state, context, tools)
        case work:
            return await select_for_operation(work, state, context, tools)


def _after_publishing(state: State) -> Step:
    """Protect only what this run has made, and brought its first files to."""
    return Step.PROTECT if "pull" in state else Step.CONFIGURE


def _node(action: Action, tools: Tools) -> Callable[..., Awaitable[Any]]:
    """Return a step as LangGraph wants it; what fails for good leaves no workspace behind."""

    async def node(state: State, runtime: Runtime[RunContext]) -> State | Command[Step]:
        context = runtime.context
        try:
            with named_when_full():
                return await action(state, context, tools)
        except NotNow:
            # It goes on from here.
            raise
        except TelewrightError as error:
            if not is_transient(error) or last_attempt():
                # Fenced: the workspace may be another worker's by now.
                async with fenced(context):
                    await tools.workspaces.remove(str(context.run.id))
            raise

    return node
