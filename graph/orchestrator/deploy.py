"""Putting the approved release on its server; what ran before serves on if that fails."""

from __future__ import annotations

from functools import partial
from typing import Any

from langgraph.types import Command
from pydantic import SecretStr

from graph.context import RunContext
from graph.orchestrator.approve_release import proposal
from graph.orchestrator.configure import contract_of, environment_of
from graph.orchestrator.fence import fenced
from graph.orchestrator.output import Output, clean
from graph.orchestrator.questions import LEAVE_IT, TRY_AGAIN, approval, ask, tell_change
from graph.orchestrator.retries import last_attempt
from graph.orchestrator.state import State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of, release_of, repository_of, serving_before
from infrastructure.deploy import (
    BadRelease,
    DeployEvent,
    DeploymentFailed,
    DeployRequest,
    DeployResult,
    ServerUnavailable,
    ServiceState,
)
from shared.errors import TelewrightError
from shared.ledger import deployments, events, projects
from shared.ledger.deployments import Deployment
from shared.ledger.projects import Project
from shared.ledger.questions import Question
from shared.ledger.releases import Release
from shared.policy import Effect, Rule, group_of, rule_for
from shared.redaction import Redactor

KEEP_RELEASES = 5


class DeploymentLeft(TelewrightError):
    """The deployment failed, and was left so."""

    code = "deployment_failed"
    advice = "Read the log lines, correct the project and deploy again."


async def deploy(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Deploy what was approved, if that is still what would be deployed."""
    attempt = state.get("attempt", 1)
    _, question = await proposal(state, context, tools)
    if question.digest != state["approved"]:
        await tell_change(context, question, state["approved"])
        return Command(update={"attempt": attempt + 1}, goto=Step.APPROVE_RELEASE)
    outcome = await context.ensure(
        f"deployment:{attempt}",
        "deployment",
        {"approved": state["approved"], "attempt": attempt},
        partial(_deploy, state, context, tools, attempt),
    )
    if "failure" in outcome:
        told = {"failure": outcome["failure"], "advice": outcome["advice"], "attempt": attempt}
        return Command(update=told, goto=Step.DEPLOY_AGAIN)
    return Command(update={"url": outcome["url"]}, goto=Step.VERIFY)


async def deploy_again(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether to try a failed deployment again.

    Raises:
        DeploymentLeft: A person decided to leave it.
    """
    project = await project_of(context, state)
    serves = await _what_serves(context, project, tools)
    rule = rule_for(Effect.DEPLOYMENT, group_of(project.server))
    answer = ask(question_after_failure(state, project, rule, serves))
    if answer.choice == LEAVE_IT.key:
        raise DeploymentLeft(f"{state['failure'].rstrip('.')}. {serves}", advice=state["advice"])
    return Command(update={"attempt": state["attempt"] + 1}, goto=Step.DEPLOY)


def question_after_failure(state: State, project: Project, rule: Rule, serves: str) -> Question:
    """Return the question whether to deploy again: whoever may decide about a deployment may answer."""
    return approval(
        "question",
        f"The deployment of {project.name} failed. Try again?",
        rule=rule,
        subject={"do": "deploy again", "approved": state["approved"], "attempt": state["attempt"]},
        facts={},
        choices=[TRY_AGAIN, LEAVE_IT],
        text=f"{state['failure']}\n{state['advice']}\n{serves}",
    )


async def _what_serves(context: RunContext, project: Project, tools: Tools) -> str:
    """Say what people get now, as the server sees it: what ran before may be out of reach as well."""
    before = await serving_before(context, project)
    if before is None:
        return "Nothing was running before."
    status = await tools.deployer.status(project.name)
    match status.state:
        case ServiceState.RUNNING if status.commit == before.commit_sha:
            return f"Release {before.number} keeps serving."
        case ServiceState.RUNNING:
            return f"Commit {(status.commit or 'none')[:12]} serves now."
        case ServiceState.STOPPED:
            return f"{project.name} stays stopped."
        case ServiceState.FAILED | ServiceState.ABSENT:
            return f"Release {before.number} does not serve now either."


async def _deploy(state: State, context: RunContext, tools: Tools, attempt: int) -> dict[str, Any]:
    """Deploy under a new fence; a failure is what it came to as well, so that it is not repeated."""
    project = await project_of(context, state)
    release = await release_of(context, state)
    environment = await environment_of(project, contract_of(release), tools)
    secrets = Redactor(
        value.get_secret_value() for value in environment.values() if isinstance(value, SecretStr)
    )
    artifact = await tools.releases.build(project.name, repository_of(project), release.commit_sha)
    if artifact.digest != release.digest:
        raise BadRelease(f"Release {release.number} was built anew and is not the one that was approved.")
    deployment = await _start(context, project, release, attempt)
    request = DeployRequest(
        project=project.name,
        release=artifact,
        environment=environment,
        fence=deployment.fence,
        keep_releases=KEEP_RELEASES,
    )
    try:
        result = await tools.deployer.deploy(request, partial(tell, context, secrets))
    except DeploymentFailed as error:
        _show_logs(context, secrets, error.logs)
        return await _failed(context, deployment, error, secrets)
    except ServerUnavailable as error:
        if not last_attempt():
            raise
        return await _failed(context, deployment, error, secrets)
    return await _succeeded(context, project, deployment, result)


async def tell(context: RunContext, secrets: Redactor, event: DeployEvent) -> None:
    """Tell of one step of a playbook."""
    context.emit(
        events.DEPLOYMENT_ADVANCED,
        {
            "step": clean(event.step),
            "status": event.status,
            "message": clean(secrets.text(event.message)),
            "took_s": round(event.duration_s, 3),
        },
    )


async def _start(context: RunContext, project: Project, release: Release, attempt: int) -> Deployment:
    async with fenced(context) as tx:
        return await deployments.start(
            tx,
            project_id=project.id,
            release_id=release.id,
            run_id=context.run.id,
            attempt=attempt,
            server=project.server,
        )


async def _succeeded(
    context: RunContext, project: Project, deployment: Deployment, result: DeployResult
) -> dict[str, Any]:
    async with fenced(context) as tx:
        await deployments.succeed(tx, deployment.id, url=result.url)
        await projects.set_service(tx, project.id, "running")
    return {"deployment_id": str(deployment.id), "url": result.url}


async def _failed(
    context: RunContext, deployment: Deployment, error: TelewrightError, secrets: Redactor
) -> dict[str, Any]:
    reason = clean(secrets.text(error.message))
    async with fenced(context) as tx:
        await deployments.fail(tx, deployment.id, reason=reason)
    return {"deployment_id": str(deployment.id), "failure": reason, "advice": error.advice}


def _show_logs(context: RunContext, secrets: Redactor, logs: str) -> None:
    with Output(context, Step.DEPLOY) as output:
        for line in secrets.text(logs).splitlines():
            output.add(line)
