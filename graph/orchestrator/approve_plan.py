"""The approval of a plan, bound to exactly what would be built."""

from __future__ import annotations

from dataclasses import astuple
from functools import partial

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.details import of_plan, with_details
from graph.orchestrator.plan import blueprint_digest
from graph.orchestrator.questions import APPROVE, CANCEL, REJECT, approval, ask, still_holds
from graph.orchestrator.state import Outcome, State, Step, brief_of
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of
from graph.roles import Brief
from shared.ledger.projects import Project
from shared.ledger.questions import Question
from shared.policy import Effect, group_of, rule_for

_SHOWN_DESCRIPTION = 500


async def approve_plan(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether the plan is right."""
    project = await project_of(context, state)
    digest = await blueprint_digest(tools, state["blueprint"])
    question = await with_details(
        context,
        _question(brief_of(state), digest, project, state["problem"], proposes=tools.hosting is not None),
        partial(of_plan, state, context, tools, project),
    )
    answer = ask(question)
    if answer.choice == CANCEL.key:
        return Command(update={"outcome": Outcome.CANCELLED.value}, goto=Step.REPORT)
    if answer.choice != APPROVE.key:
        return Command(update={"comment": answer.text or ""}, goto=Step.PLAN)
    if not await still_holds(context, question, answer):
        return Command(goto=Step.PLAN)
    return Command(update={"blueprint_digest": digest}, goto=Step.SCAFFOLD)


def _question(brief: Brief, digest: str, project: Project, problem: str, *, proposes: bool) -> Question:
    then = (
        f"Then I create the repository {brief.name} on GitHub, run the blueprint's tests in the sandbox, propose "
        "it in a pull request, and ask you before its workflows are pushed, before it is merged, and before "
        "anything is deployed."
        if proposes
        else f"Then I create the repository {brief.name} from the blueprint, run its tests in the sandbox, "
        "commit it, and ask you before anything is deployed."
    )
    return approval(
        "plan",
        f"Build {brief.name} from {brief.blueprint}?",
        rule=rule_for(Effect.REPOSITORY, group_of(project.server)),
        subject={
            "do": "build",
            "project": str(project.id),
            "brief": astuple(brief),
            "blueprint": digest,
            "server": project.server,
        },
        facts={
            "Project": brief.name,
            "Blueprint": f"{brief.blueprint} ({digest[:12]})",
            "Description": _shown(brief.description),
            "Server": project.server,
        },
        choices=[APPROVE, REJECT, CANCEL],
        text=f"{problem}\n\n{then}" if problem else then,
    )


def _shown(description: str) -> str:
    if len(description) <= _SHOWN_DESCRIPTION:
        return description
    return f"{description[:_SHOWN_DESCRIPTION]}…"
