"""The first step of a build: ask until blueprint and name are right, then make the project."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.fence import fenced
from graph.orchestrator.output import clean
from graph.orchestrator.questions import CANCEL, ask
from graph.orchestrator.repository import put_away
from graph.orchestrator.state import Gap, Outcome, State, Step, brief_of
from graph.orchestrator.tools import Tools
from graph.orchestrator.work import build_title
from graph.roles import Brief
from infrastructure.blueprints import BadName, Blueprint, project_name, suggested_name
from shared.database import Connection
from shared.ledger import events, projects, runs
from shared.ledger.projects import NameTaken, NoSuchProject, Project
from shared.ledger.questions import Choice, Question, digest_of


async def take_in_build(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Check what is to be built; make its project row, or say what is missing."""
    brief = brief_of(state)
    gap = _unknown_blueprint(brief, tools.blueprints) or _invalid_name(brief)
    if gap is None:
        try:
            project = await _ensure_project(context, brief, tools)
        except NameTaken:
            gap = await _taken_name(context, brief)
        else:
            return Command(update={"project_id": str(project.id)}, goto=Step.PLAN)
    return Command(update={"gap": gap}, goto=Step.CLARIFY)


async def clarify(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask for what is missing or wrong, and go back with the answer."""
    gap = state["gap"]
    answer = ask(_question(gap, tools.blueprints))
    if answer.choice == CANCEL.key:
        return Command(update={"outcome": Outcome.CANCELLED.value}, goto=Step.REPORT)
    given = (answer.choice or answer.text or "").strip()
    if gap["subject"] == "blueprint":
        return Command(update={"blueprint": given}, goto=Step.INTAKE)
    return Command(update={"name": given}, goto=Step.INTAKE)


def _unknown_blueprint(brief: Brief, known: Sequence[Blueprint]) -> Gap | None:
    names = [blueprint.name for blueprint in known]
    if brief.blueprint in names:
        return None
    message = f"There is no blueprint “{clean(brief.blueprint)[:40]}”." if brief.blueprint else ""
    return Gap(subject="blueprint", message=message, offered=names)


def _invalid_name(brief: Brief) -> Gap | None:
    if not brief.name:
        return Gap(subject="name", message="", offered=[])
    try:
        project_name(brief.name)
    except BadName as error:
        near = suggested_name(brief.name)
        return Gap(subject="name", message=error.message, offered=[near] if near else [])
    return None


async def _taken_name(context: RunContext, brief: Brief) -> Gap:
    """Say that the name is taken, and offer one that is free."""
    async with context.database.connection() as connection:
        taken = {project.name for project in await projects.all_of_them(connection)}
    numbered = (f"{brief.name[:36].rstrip('-')}-{number}" for number in range(2, len(taken) + 3))
    free = next(name for name in numbered if name not in taken)
    return Gap(subject="name", message=f"There is a project called {brief.name} already.", offered=[free])


def _question(gap: Gap, blueprints: Sequence[Blueprint]) -> Question:
    about = {blueprint.name: blueprint.summary for blueprint in blueprints}
    if gap["subject"] == "blueprint":
        title = "Which blueprint shall I use?"
        text = "\n".join(
            [gap["message"], *(f"{name}: {about[name]}" for name in gap["offered"] if name in about)]
        )
    else:
        title = "What shall the project be called?"
        text = gap["message"]
    return Question(
        kind="question",
        title=title,
        text=text.strip(),
        choices=[*(Choice(key=name, label=name) for name in gap["offered"]), CANCEL],
        wants_text=True,
        digest=digest_of(gap),
    )


async def _ensure_project(context: RunContext, brief: Brief, tools: Tools) -> Project:
    """Make the run's project, or find the one that it made before a crash.

    Raises:
        NameTaken: Another project has the name.
    """
    async with context.database.connection() as connection:
        left = await _unfinished(connection, brief.name)
    if left is not None:
        # Before its row is given up: nobody would know of its repository afterwards.
        await put_away(left, tools)
    async with fenced(context) as tx:
        attached = (await runs.get(tx, context.run.id)).project_id
        if attached is not None:
            return await projects.get(tx, attached)
        if left is not None and left == await _unfinished(tx, brief.name):
            await projects.remove(tx, left.id)
        project = await projects.create(
            tx,
            name=brief.name,
            blueprint=brief.blueprint,
            description=brief.description,
            owner_id=context.run.requested_by,
            session_id=context.run.session_id,
        )
        await runs.attach_project(tx, context.run.id, context.claim.token, project.id)
        # It may have begun without a name, or with one that could not be.
        await runs.retitle(tx, context.run.id, build_title(project.name))
    context.emit(events.NOTE_WRITTEN, {"text": f"{project.name} is a new project."})
    return project


async def _unfinished(tx: Connection, name: str) -> Project | None:
    """Return the project that a build left behind under this name before it had published anything."""
    try:
        project = await projects.by_name(tx, name)
    except NoSuchProject:
        return None
    if project.repository is not None or await runs.of_project(tx, project.id, open_only=True):
        return None
    return project
