"""The first step of work on a project that stands: which commit or release is meant."""

from __future__ import annotations

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.announce import is_on_github
from graph.orchestrator.output import clean
from graph.orchestrator.repository import is_hosted
from graph.orchestrator.state import Outcome, State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.work import Deploy, Remove, Restart, Rollback, Start, Stop
from graph.orchestrator.world import default_branch_of, project_of, repository_of, serving_before
from infrastructure.deploy import NotDeployed, ServiceState
from shared.errors import BadInput
from shared.ledger import deployments, releases
from shared.ledger.projects import Project
from shared.ledger.releases import NoSuchRelease, Release


class NothingCommitted(BadInput):
    """There is no commit on the project's default branch."""

    code = "nothing_committed"
    advice = "Push a commit to it, then deploy again."


class NothingToRollBackTo(BadInput):
    """No earlier release was ever live."""

    code = "nothing_to_roll_back_to"
    advice = "See /releases, and name one: /rollback <project> <release>."


async def select_for_deploy(work: Deploy, state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Choose the release that was named, or the head of the default branch."""
    project = await project_of(context, state)
    if work.release is not None:
        return await _go_on_with(await _numbered(context, project, work.release), project, context, tools)
    branch = await default_branch_of(context, project)
    commit = await tools.forge.head(repository_of(project), branch)
    if commit is None:
        raise NothingCommitted(f"There is no commit on {clean(branch)} of {project.name}.")
    release = await _made_from(context, project, commit)
    if release is not None:
        return await _go_on_with(release, project, context, tools)
    return Command(update={"commit": commit}, goto=Step.CHECKOUT)


async def select_for_rollback(
    work: Rollback, state: State, context: RunContext, tools: Tools
) -> Command[Step]:
    """Choose the release that was named, or the last one before the running one that was live."""
    project = await project_of(context, state)
    if work.release is not None:
        return await _go_on_with(await _numbered(context, project, work.release), project, context, tools)
    return await _go_on_with(await _before_the_running(context, project), project, context, tools)


async def select_for_operation(
    work: Stop | Start | Restart | Remove, state: State, context: RunContext, tools: Tools
) -> Command[Step]:
    """Look whether there is something to stop or to start."""
    project = await project_of(context, state)
    if project.service == "none" and not isinstance(work, Remove):
        raise NotDeployed(f"{project.name} is not deployed.")
    return Command(goto=Step.APPROVE_OPERATION)


async def _go_on_with(release: Release, project: Project, context: RunContext, tools: Tools) -> Command[Step]:
    """Deploy a release, unless it serves already."""
    chosen = {"release_id": str(release.id), "commit": release.commit_sha}
    if await _serves(release, project, context, tools):
        untold = is_hosted(project, tools) and not await is_on_github(context, release)
        goto = Step.ANNOUNCE if untold else Step.REPORT
        return Command(update={**chosen, "outcome": Outcome.NOTHING_NEW.value}, goto=goto)
    return Command(update=chosen, goto=Step.CONFIGURE)


async def _serves(release: Release, project: Project, context: RunContext, tools: Tools) -> bool:
    """Whether a release is what is wanted live, and is: a foreign program may have taken its port since."""
    serving = await serving_before(context, project)
    if serving is None or serving.id != release.id or project.service != "running":
        return False
    status = await tools.deployer.status(project.name)
    return status.state is ServiceState.RUNNING and status.commit == release.commit_sha


async def _numbered(context: RunContext, project: Project, number: int) -> Release:
    async with context.database.connection() as connection:
        try:
            return await releases.by_number(connection, project.id, number)
        except NoSuchRelease as error:
            raise NoSuchRelease(f"{project.name} has no release {number}.") from error


async def _made_from(context: RunContext, project: Project, commit: str) -> Release | None:
    async with context.database.connection() as connection:
        known = await releases.of_project(connection, project.id, limit=1000)
    return next((release for release in known if release.commit_sha == commit), None)


async def _before_the_running(context: RunContext, project: Project) -> Release:
    """Return the release older than the running one that was live last.

    Not the newest of them: one that was rolled back itself is not gone back to.

    Raises:
        NotDeployed: Nothing runs.
        NothingToRollBackTo: The running one is the first.
    """
    running = await serving_before(context, project)
    if running is None:
        raise NotDeployed(f"{project.name} is not deployed.")
    async with context.database.connection() as connection:
        past = await deployments.of_project(connection, project.id, limit=1000)
        known = {one.id: one for one in await releases.of_project(connection, project.id, limit=1000)}
    for deployment in past:
        release = known[deployment.release_id]
        if deployment.status == "succeeded" and release.number < running.number:
            return release
    raise NothingToRollBackTo(f"No release of {project.name} before {running.number} was ever live.")
