"""What a pull request says: the plan, the tests' result, and who has approved."""

from __future__ import annotations

import re

from graph.context import RunContext
from graph.orchestrator.output import clean
from graph.orchestrator.state import State
from shared.ids import UserId
from shared.ledger import approvals, users
from shared.ledger.approvals import Approval
from shared.ledger.projects import Project
from shared.redaction import Redactor

_APPROVED = {"plan": "the plan", "workflows": "the workflows"}


def title_of(project: Project) -> str:
    """Return what the proposal is called: by us, whatever people call it on GitHub."""
    return f"Create {project.name} from the blueprint {project.blueprint}"


async def describe(state: State, context: RunContext, project: Project) -> tuple[str, str]:
    """Return the title and the body: the same ones for the same run, however often it is proposed.

    What people and programs wrote stands in blocks of code: it mentions nobody and links nowhere.
    """
    decided = await _decided(context)
    plan = [
        f"{label}: {clean(value)}"
        for approval, _ in decided
        if approval.question["kind"] == "plan"
        for label, value in approval.question["facts"]
    ]
    signed = [
        f"{clean(name)} approved {_APPROVED[approval.question['kind']]}"
        f" ({approval.digest[:12]}) on {approval.decided_at:%Y-%m-%d %H:%M} UTC"
        for approval, name in decided
    ]
    body = "\n\n".join(
        [
            f"Telewright made this in run {context.run.number}.",
            "### Plan",
            block(plan),
            "### Tests",
            block([f"In the sandbox, before anything was pushed: {state['tests']}"]),
            "### Approval",
            block(signed),
        ]
    )
    return title_of(project), body


async def _decided(context: RunContext) -> list[tuple[Approval, str]]:
    """Return what was approved last of each kind, and by whom."""
    async with context.database.connection() as connection:
        newest = {
            one.question["kind"]: one
            for one in await approvals.of_run(connection, context.run.id)
            if one.question["kind"] in _APPROVED and (one.answer or {}).get("choice") == "approve"
        }
        return [(one, await decider_of(context, one)) for one in newest.values()]


async def decider_of(context: RunContext, approval: Approval) -> str:
    """Return who has decided, by name; hostile."""
    return await name_of(context, UserId(approval.decided_by or ""))


async def name_of(context: RunContext, user_id: UserId) -> str:
    """Return a person's name; hostile."""
    async with context.database.connection() as connection:
        user = await users.get(connection, user_id)
    return user.name if user else "Somebody"


def block(lines: list[str]) -> str:
    """Return a block of code that nothing in it ends: it mentions nobody and links nowhere."""
    text = Redactor().text("\n".join(lines))
    longest = max((len(run) for run in re.findall(r"~+", text)), default=0)
    fence = "~" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
