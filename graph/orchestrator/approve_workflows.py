"""The approval of workflows: what is pushed there runs on GitHub with the repository's rights."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.details import with_details
from graph.orchestrator.output import clean
from graph.orchestrator.questions import APPROVE, CANCEL, approval, ask, still_holds
from graph.orchestrator.state import Outcome, State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.tree import files_of, written_tree
from graph.orchestrator.world import project_of
from infrastructure.forge.workflows import is_workflow
from shared.errors import Conflict
from shared.ledger.projects import Project
from shared.ledger.questions import MOST_DETAILS, Detail, Question
from shared.policy import Effect, group_of, rule_for


class WorkflowsNotApproved(Conflict):
    """What would be pushed has workflows that nobody has approved."""

    code = "workflows_not_approved"
    advice = "Look at the project's .github/workflows, and start the work anew."


async def approve_workflows(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether the project's workflows may be pushed, if it has any."""
    project = await project_of(context, state)
    tree = await written_tree(state, context, tools)
    workflows = await asyncio.to_thread(_workflows, tree)
    if not workflows:
        return Command(update={"workflows": []}, goto=Step.SAVE_WORK)

    async def make() -> list[Detail]:
        return await asyncio.to_thread(_details, tree, list(workflows))

    question = await with_details(context, _question(project, workflows), make)
    answer = ask(question)
    if answer.choice != APPROVE.key:
        return Command(update={"outcome": Outcome.CANCELLED.value}, goto=Step.REPORT)
    if not await still_holds(context, question, answer):
        return Command(goto=Step.APPROVE_WORKFLOWS)
    return Command(update={"workflows": list(workflows)}, goto=Step.SAVE_WORK)


def refuse_unapproved(state: State, changed: tuple[str, ...]) -> None:
    """Make sure that a push touches no workflow but those that were approved.

    Raises:
        WorkflowsNotApproved: It does.
    """
    if others := sorted(set(changed) - set(state.get("workflows", []))):
        raise WorkflowsNotApproved(f"Nobody has approved {', '.join(clean(path) for path in others)}.")


def _workflows(tree: Path) -> dict[str, str]:
    """Return the workflows by their paths, with a digest of what stands in each."""
    return {
        path: hashlib.sha256(_content(tree / path)).hexdigest()
        for path in files_of(tree)
        if is_workflow(path)
    }


def _content(path: Path) -> bytes:
    return str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()


def _details(tree: Path, paths: list[str]) -> list[Detail]:
    shown, more = paths[: MOST_DETAILS - 1], paths[MOST_DETAILS - 1 :]
    details = [Detail.of(clean(path)[:80], _text(tree / path)) for path in shown]
    return [*details, Detail.of("More files", "\n".join(clean(path) for path in more))] if more else details


def _text(path: Path) -> str:
    return "\n".join(clean(line) for line in _content(path).decode(errors="replace").splitlines())


def _question(project: Project, workflows: dict[str, str]) -> Question:
    return approval(
        "workflows",
        f"Push the workflows of {project.name}?",
        rule=rule_for(Effect.WORKFLOWS, group_of(project.server)),
        subject={"do": "push workflows", "project": str(project.id), "workflows": workflows},
        facts={
            "Project": project.name,
            "Workflows": ", ".join(f"{clean(path)} ({digest[:12]})" for path, digest in workflows.items()),
        },
        choices=[APPROVE, CANCEL],
        text="GitHub runs them on every change, with the rights that the repository gives to its workflows.",
    )
