"""Questions to people: put, answered, and looked at again before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langgraph.types import interrupt

from graph.context import RunContext
from shared.ledger import approvals, events
from shared.ledger.questions import Answer, Choice, Question, digest_of
from shared.policy import Rule

APPROVE = Choice(key="approve", label="Approve")
REJECT = Choice(key="reject", label="Change it", asks_comment=True)
CANCEL = Choice(key="cancel", label="Cancel")
TRY_AGAIN = Choice(key="again", label="Try again")
LEAVE_IT = Choice(key="leave", label="Leave it")


def decline(what: str) -> Choice:
    """Return the choice not to do something, which is a decision and no cancellation."""
    return Choice(key="decline", label=f"Do not {what}")


def ask(question: Question) -> Answer:
    """Put a question and return its answer; the node starts anew when it is there."""
    return Answer.model_validate(interrupt(question.model_dump(mode="json")))


def approval(
    kind: str,
    title: str,
    *,
    rule: Rule,
    subject: Mapping[str, object],
    facts: Mapping[str, str],
    choices: Sequence[Choice],
    text: str = "",
) -> Question:
    """Return the question whether something may be done.

    Args:
        kind: The effect that is approved.
        title: One line: what is asked.
        rule: Who may decide.
        subject: Exactly what would be done; its digest is what the approval holds for.
        facts: The same for people; what has no value is left out.
        choices: The ways to answer.
        text: More to read.
    """
    return Question(
        kind=kind,
        title=title,
        facts=[(label, value) for label, value in facts.items() if value],
        text=text,
        choices=list(choices),
        digest=digest_of(subject),
        allowed_roles=list(rule.roles),
        by_someone_else=rule.by_someone_else,
    )


async def still_holds(context: RunContext, question: Question, answer: Answer) -> bool:
    """Say whether what was answered is what would be done now; an event tells if it is not.

    Args:
        context: The run.
        question: As it would be put now.
        answer: To the question as it was put.
    """
    if answer.digest == question.digest:
        return True
    await tell_change(context, question, answer.digest)
    return False


async def tell_change(context: RunContext, question: Question, digest: str) -> None:
    """Tell by an event that what was approved has changed meanwhile, and how."""
    async with context.database.connection() as connection:
        asked = [one for one in await approvals.of_run(connection, context.run.id) if one.digest == digest]
    before: dict[str, str] = dict(asked[-1].question["facts"]) if asked else {}
    now = dict(question.facts)
    changes = [
        f"{label}: {before.get(label, 'nothing')} → {now.get(label, 'nothing')}"
        for label in dict.fromkeys([*before, *now])
        if before.get(label) != now.get(label)
    ]
    what = f" ({'; '.join(changes)})" if changes else ""
    text = f"What was approved has changed in the meantime{what}, so I ask again."
    context.emit(events.NOTE_WRITTEN, {"text": text})
