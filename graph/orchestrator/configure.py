"""The environment of a service: what is missing is asked for; secrets never in the chat."""

from __future__ import annotations

from collections.abc import Mapping

from langgraph.types import Command
from pydantic import SecretStr

from graph.context import RunContext
from graph.orchestrator.fence import fenced
from graph.orchestrator.pull_comments import say_not_deployed
from graph.orchestrator.questions import TRY_AGAIN, ask, decline
from graph.orchestrator.state import Gap, Outcome, State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of, release_of
from infrastructure.contract import DeployContract
from shared.ledger import events, projects
from shared.ledger.projects import Project
from shared.ledger.questions import Question, digest_of
from shared.ledger.releases import Release

SECRETS = "secrets"
"""The subject of a gap that a person fills in a terminal; no variable has a small letter."""
LONGEST_VALUE = 1000
DO_NOT_DEPLOY = decline("deploy")


async def configure(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Look whether the release has all it needs to run."""
    project = await project_of(context, state)
    contract = contract_of(await release_of(context, state))
    missing = sorted(_required(contract, secret=True) - set(await tools.secrets.names(project.name)))
    if missing:
        return Command(update={"gap": _secrets_gap(project, missing)}, goto=Step.PROVIDE)
    for name in sorted(_required(contract, secret=False) - project.environment.keys()):
        message = f"{name}: {contract.environment[name].description}"
        return Command(update={"gap": Gap(subject=name, message=message, offered=[])}, goto=Step.PROVIDE)
    return Command(goto=Step.APPROVE_RELEASE)


async def provide(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask for what is missing, and look again."""
    gap = state["gap"]
    answer = ask(_question(gap))
    if answer.choice == DO_NOT_DEPLOY.key:
        await say_not_deployed(state, context, tools, answer)
        return Command(update={"outcome": Outcome.NOT_DEPLOYED.value}, goto=Step.REPORT)
    if gap["subject"] != SECRETS:
        await _store(context, state, gap["subject"], (answer.text or "").strip())
    return Command(goto=Step.CONFIGURE)


def contract_of(release: Release) -> DeployContract:
    """Return the deploy contract that a release was built with."""
    return DeployContract.model_validate(release.contract)


def plain_environment(project: Project, contract: DeployContract) -> dict[str, str]:
    """Return the variables that are no secrets, with the values that the service will be given."""
    given = {
        name: project.environment.get(name) or variable.default
        for name, variable in contract.environment.items()
        if not variable.secret
    }
    return {name: value for name, value in sorted(given.items()) if value is not None}


async def names_of_secrets(project: Project, contract: DeployContract, tools: Tools) -> list[str]:
    """Return the names of the secrets that the service will be given."""
    known = set(await tools.secrets.names(project.name))
    return sorted(
        name for name, variable in contract.environment.items() if variable.secret and name in known
    )


async def environment_of(
    project: Project, contract: DeployContract, tools: Tools
) -> Mapping[str, SecretStr | str]:
    """Return the variables with their values, for the moment of a deployment."""
    secrets = await names_of_secrets(project, contract, tools)
    return plain_environment(project, contract) | await tools.secrets.reveal(project.name, secrets)


def _required(contract: DeployContract, *, secret: bool) -> set[str]:
    return {
        name
        for name, variable in contract.environment.items()
        if variable.required and variable.secret is secret and variable.default is None
    }


def _secrets_gap(project: Project, names: list[str]) -> Gap:
    commands = "\n".join(f"telewright secret set {project.name} {name}" for name in names)
    message = (
        f"{project.name} needs {', '.join(names)}. Run this where Telewright runs, then try again:\n{commands}\n"
        "Never send a secret in a chat."
    )
    return Gap(subject=SECRETS, message=message, offered=[TRY_AGAIN.key])


def _question(gap: Gap) -> Question:
    if gap["subject"] == SECRETS:
        return Question(
            kind="question",
            title="A secret is missing.",
            text=gap["message"],
            choices=[TRY_AGAIN, DO_NOT_DEPLOY],
            digest=digest_of(gap),
        )
    return Question(
        kind="question",
        title=f"What shall {gap['subject']} be?",
        text=gap["message"],
        choices=[DO_NOT_DEPLOY],
        wants_text=True,
        digest=digest_of(gap),
    )


async def _store(context: RunContext, state: State, name: str, value: str) -> None:
    """Note a plain value; one that cannot be one is asked for again."""
    if not value or len(value) > LONGEST_VALUE or not value.isprintable():
        text = f"{name} must be one line of at most {LONGEST_VALUE} characters."
        context.emit(events.NOTE_WRITTEN, {"text": text})
        return
    project = await project_of(context, state)
    async with fenced(context) as tx:
        await projects.set_variable(tx, project.id, name, value)
