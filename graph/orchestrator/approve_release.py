"""The approval of a deployment, bound to exactly what would be deployed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from langgraph.types import Command

from graph.context import RunContext
from graph.orchestrator.configure import contract_of, names_of_secrets, plain_environment
from graph.orchestrator.details import of_release, with_details
from graph.orchestrator.output import clean
from graph.orchestrator.pull_comments import say_not_deployed
from graph.orchestrator.questions import APPROVE, approval, ask, decline, still_holds
from graph.orchestrator.state import Outcome, State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of, release_of, serving_before
from shared.ledger.projects import Project
from shared.ledger.questions import Detail, Question
from shared.ledger.releases import Release
from shared.policy import Effect, Rule, group_of, rule_for
from shared.redaction import Redactor

_SHOWN_VALUE = 60
"""Characters of a variable's value that are shown."""


async def approve_release(state: State, context: RunContext, tools: Tools) -> Command[Step]:
    """Ask whether the release may be deployed, where policy wants that."""
    rule, question = await proposal(state, context, tools)
    if not rule.automatic:
        question = await with_details(context, question, partial(_details, state, context, tools))
        answer = ask(question)
        if answer.choice != APPROVE.key:
            await say_not_deployed(state, context, tools, answer)
            return Command(update={"outcome": Outcome.NOT_DEPLOYED.value}, goto=Step.REPORT)
        if not await still_holds(context, question, answer):
            return Command(goto=Step.CONFIGURE)
    return Command(update={"approved": question.digest}, goto=Step.DEPLOY)


async def _details(state: State, context: RunContext, tools: Tools) -> list[Detail]:
    project, release = await project_of(context, state), await release_of(context, state)
    serving = await serving_before(context, project)
    agreed = contract_of(release)
    secrets = await names_of_secrets(project, agreed, tools)
    names = sorted({*plain_environment(project, agreed), *secrets})
    return await of_release(context, tools, project, release, serving, names)


async def proposal(state: State, context: RunContext, tools: Tools) -> tuple[Rule, Question]:
    """Return who decides about the deployment, and the question as the world stands now."""
    project = await project_of(context, state)
    release = await release_of(context, state)
    serving = await serving_before(context, project)
    plain = plain_environment(project, contract_of(release))
    secrets = await names_of_secrets(project, contract_of(release), tools)
    playbook = await asyncio.to_thread(tools.deployer.playbook_digest)
    rollback = state["kind"] == "rollback"
    question = approval(
        "rollback" if rollback else "deploy",
        _title(project, release, rollback=rollback),
        rule=(rule := rule_for(Effect.DEPLOYMENT, group_of(project.server))),
        subject={
            "do": "deploy",
            "project": str(project.id),
            "commit": release.commit_sha,
            "release": release.digest,
            "server": project.server,
            "playbook": playbook,
            "environment": plain,
            # By name only: an approval is stored and shown, and a new value of a secret is no other deployment.
            "secrets": secrets,
            "serving": serving.digest if serving else None,
        },
        facts={
            "Project": project.name,
            "Release": f"{release.number} ({release.digest.removeprefix('sha256:')[:12]})",
            "Commit": release.commit_sha[:12],
            "Tests": release.tests,
            "Server": project.server,
            "Replaces": f"release {serving.number}" if serving else "",
            "Environment": _environment(plain, secrets),
            "Playbook": playbook.removeprefix("sha256:")[:12],
        },
        choices=[APPROVE, decline("roll back" if rollback else "deploy")],
    )
    return rule, question


def _environment(plain: Mapping[str, str], secrets: Sequence[str]) -> str:
    shown = {name: f"{name}={_shown(value)}" for name, value in plain.items()}
    shown |= {name: f"{name} (secret)" for name in secrets}
    return ", ".join(shown[name] for name in sorted(shown))


def _shown(value: str) -> str:
    # Somebody may have given as a plain value what should have been a secret.
    text = clean(Redactor().text(value))
    return text if len(text) <= _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]}…"


def _title(project: Project, release: Release, *, rollback: bool) -> str:
    if rollback:
        return f"Roll back {project.name} to release {release.number}?"
    return f"Deploy release {release.number} of {project.name}?"
