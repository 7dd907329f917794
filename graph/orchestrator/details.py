"""What a person can read before deciding: the plan in full, the changes, the tests' output, the playbook."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from graph.context import RunContext
from graph.orchestrator.output import clean
from graph.orchestrator.state import State, Step, brief_of
from graph.orchestrator.tools import Tools
from graph.orchestrator.tree import files_of
from graph.orchestrator.world import repository_of
from graph.roles import Brief
from infrastructure import contract
from infrastructure.contract import DeployContract
from infrastructure.deploy.tasks import deployment_tasks
from infrastructure.forge import Repository
from infrastructure.forge.changes import changes_between
from shared.errors import TelewrightError
from shared.ids import RunId
from shared.ledger import approvals, events
from shared.ledger.projects import Project
from shared.ledger.questions import Detail, Question
from shared.ledger.releases import Release

_EVENTS_READ = 2000
_LINES_SHOWN = 400
"""Lines of the tests' output: they are bounded where they are told."""


async def with_details(
    context: RunContext, question: Question, make: Callable[[], Awaitable[list[Detail]]]
) -> Question:
    """Return a question with what there is to read about it.

    It is made once: when the node starts anew with the answer, or puts the same question
    again, what stands already holds, since the digest says that nothing has changed. What
    cannot be made must not keep anybody from deciding.
    """
    async with context.database.connection() as connection:
        asked = [
            one for one in await approvals.of_run(connection, context.run.id) if one.digest == question.digest
        ]
        if asked:
            details = await approvals.details_of(connection, asked[-1].id)
            return question.model_copy(update={"details": details})
    try:
        details = await make()
    except TelewrightError as error:
        details = [Detail.of("Details", f"They could not be read: {error.message}")]
    return question.model_copy(update={"details": details})


async def of_plan(state: State, context: RunContext, tools: Tools, project: Project) -> list[Detail]:
    """Return the plan in full: what would be made, of which files, and what would be done with it."""
    brief = brief_of(state)
    async with _scratch(context, tools) as scratch:
        tree = scratch / "tree"
        await tools.coder.write(brief, tree)
        names = await asyncio.to_thread(files_of, tree)
        agreed = await asyncio.to_thread(contract.load, tree)
    return [
        Detail.of("Plan", _plan(brief, project, agreed, proposes=tools.hosting is not None)),
        Detail.of("Files", "\n".join(clean(name) for name in names)),
    ]


async def of_release(
    context: RunContext,
    tools: Tools,
    project: Project,
    release: Release,
    serving: Release | None,
    names: list[str],
) -> list[Detail]:
    """Return what would change on the server: in the code, by which tests it stands, and what Ansible does.

    Args:
        context: The run.
        tools: Where code is.
        project: The project.
        release: What would be deployed.
        serving: What it would replace.
        names: The variables that the service is given.
    """
    return [
        await _changes(context, tools, project, release, serving),
        Detail.of("Tests", "\n".join(await _tests(context, release.run_id)) or release.tests),
        Detail.of("Playbook", _playbook(project, release, serving, names)),
    ]


async def of_merge(
    context: RunContext, tools: Tools, repository: Repository, base: str, head: str
) -> list[Detail]:
    """Return what would change on the default branch, and what the tests of the run have printed."""
    async with _scratch(context, tools) as scratch:
        before, after = scratch / "now", scratch / "then"
        await tools.forge.export(repository, base, before)
        await tools.forge.export(repository, head, after)
        changes = await changes_between(before, after)
    lines = [clean(line) for line in changes.splitlines()]
    return [
        Detail.of("Changes", "\n".join(lines) or "None."),
        Detail.of("Tests", "\n".join(await _tests(context, context.run.id))),
    ]


def _plan(brief: Brief, project: Project, agreed: DeployContract, *, proposes: bool) -> str:
    tested, asked = " ".join(agreed.test), "Ask before anything is deployed."
    published = (
        [
            f"Create the repository {brief.name} on GitHub; ask before its workflows are pushed.",
            "Open a pull request, wait for its checks, and ask before it is merged.",
            "Build a release of the merge commit.",
        ]
        if proposes
        else [f"Create the repository {brief.name}, commit the files, and build a release of the commit."]
    )
    then = [
        f"Write the files of {brief.name} from the blueprint {brief.blueprint}.",
        f"Run its tests in the sandbox, without network: {tested}",
        *published,
        asked,
        f"Deploy it on {project.server}, and wait until {agreed.health.path} answers.",
    ]
    about = [
        f"Project: {brief.name}",
        f"Description: {clean(brief.description) or 'none'}",
        *(f"Process {name}: {clean(' '.join(one.command))}" for name, one in agreed.processes.items()),
        f"Limits: {agreed.resources.memory_mb} MB of memory, {agreed.resources.processes} processes",
        *(_variable(agreed, name) for name in agreed.environment),
    ]
    steps = [f"{number}. {step}" for number, step in enumerate(then, start=1)]
    return "\n".join([*about, "", *steps])


def _variable(agreed: DeployContract, name: str) -> str:
    variable = agreed.environment[name]
    kind = "secret" if variable.secret else "value"
    needed = "needed" if variable.required and variable.default is None else "may be left out"
    return f"Variable {name} ({kind}, {needed}): {clean(variable.description)}"


async def _changes(
    context: RunContext, tools: Tools, project: Project, release: Release, serving: Release | None
) -> Detail:
    repository = repository_of(project)
    async with _scratch(context, tools) as scratch:
        after = scratch / f"release-{release.number}"
        await tools.forge.export(repository, release.commit_sha, after)
        if serving is None:
            names = await asyncio.to_thread(files_of, after)
            return Detail.of("Files", "\n".join(clean(name) for name in names))
        before = scratch / f"release-{serving.number}"
        if before != after:
            await tools.forge.export(repository, serving.commit_sha, before)
        changes = await changes_between(before, after)
    lines = [clean(line) for line in changes.splitlines()]
    return Detail.of("Changes", "\n".join(lines) or f"None: release {serving.number} has the same files.")


async def _tests(context: RunContext, run_id: RunId) -> list[str]:
    """Return what the tests printed in the run that made the release, as far as it was told."""
    async with context.database.connection() as connection:
        told = await events.after(connection, run_id, 0, limit=_EVENTS_READ)
    lines = [
        str(line)
        for event in told
        if event.type == events.OUTPUT_WRITTEN and event.data.get("step") == Step.TEST
        for line in event.data["lines"]
    ]
    return lines[-_LINES_SHOWN:]


def _playbook(project: Project, release: Release, serving: Release | None, names: list[str]) -> str:
    about = [
        f"Ansible would do this on {project.server}:",
        *(f"{number}. {task}" for number, task in enumerate(deployment_tasks(), start=1)),
        "",
        f"Release: {release.number}, commit {release.commit_sha}",
        f"Archive: {release.digest}",
        f"Instead of: release {serving.number}, commit {serving.commit_sha}"
        if serving
        else "Instead of: nothing",
        f"Variables: {', '.join(names) or 'none'}",
    ]
    return "\n".join(about)


@asynccontextmanager
async def _scratch(context: RunContext, tools: Tools) -> AsyncIterator[Path]:
    """Lend an empty directory in the run's workspace."""
    workspace = await tools.workspaces.ensure(str(context.run.id))
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="details-", dir=workspace))
    try:
        yield directory
    finally:
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
