"""What waits for a person, and how it is put to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from graph.conversation import texts
from graph.conversation.replies import (
    Block,
    CommandChoice,
    DecisionChoice,
    Kind,
    Reply,
    ReplyChoice,
    Text,
    facts,
)
from graph.conversation.texts.words import either
from shared.database import Connection
from shared.ids import ApprovalId, RunId, SessionId
from shared.ledger.questions import Question
from shared.ledger.runs import NoSuchRun
from shared.ledger.users import User


@dataclass(frozen=True, slots=True)
class Waiting:
    """A question that is open, with the run that puts it."""

    id: ApprovalId
    run_id: RunId
    run_number: int
    run_title: str
    session_id: SessionId
    requested_by: str
    asked: dict[str, Any]
    created_at: datetime
    expires_at: datetime

    @property
    def question(self) -> Question:
        """The question as it was put."""
        return Question.model_validate(self.asked)

    def may_be_decided_by(self, user: User) -> bool:
        """Whether this person may answer."""
        question = self.question
        allowed = user.role in question.allowed_roles
        return allowed and not (question.by_someone_else and user.id == self.requested_by)

    @property
    def whose(self) -> str:
        """Who may answer, in words."""
        roles = either([str(role) for role in self.question.allowed_roles])
        return texts.questions.whose_else(roles) if self.question.by_someone_else else roles


async def waiting(
    tx: Connection,
    *,
    session_id: SessionId | None = None,
    run_number: int | None = None,
    approval_id: ApprovalId | None = None,
    limit: int = 50,
) -> list[Waiting]:
    """Return the open questions, the oldest first: of a session's runs, of one run, one of them, or all.

    Indexes runs_of_session and approvals (run_id), or approvals_pending.
    """
    async with tx.cursor(row_factory=class_row(Waiting)) as cursor:
        await cursor.execute(
            """
            SELECT approvals.id, run_id, runs.number AS run_number, runs.title AS run_title, runs.session_id,
                   runs.requested_by, question AS asked, approvals.created_at, expires_at
              FROM approvals JOIN runs ON runs.id = run_id
             WHERE approvals.status = 'pending' AND expires_at > now() AND runs.ended_at IS NULL
               AND (%(session_id)s::uuid IS NULL OR session_id = %(session_id)s)
               AND (%(run_number)s::bigint IS NULL OR runs.number = %(run_number)s)
               AND (%(approval_id)s::uuid IS NULL OR approvals.id = %(approval_id)s)
             ORDER BY approvals.created_at, ordinal, approvals.id LIMIT %(limit)s
            """,
            {
                "session_id": session_id,
                "run_number": run_number,
                "approval_id": approval_id,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def waiting_of_run(tx: Connection, number: int) -> list[Waiting]:
    """Return what a run asks.

    Raises:
        NoSuchRun: It asks nothing, or there is none with this number.
    """
    found = await waiting(tx, run_number=number)
    if not found:
        raise NoSuchRun(texts.questions.asks_nothing(number), advice=texts.questions.SEE_APPROVALS)
    return found


def put(question: Question, approval_id: ApprovalId, run_number: int) -> Reply:
    """Return a question as a person sees it."""
    blocks: list[Block] = [Text(text=question.title)]
    if question.facts:
        blocks.append(facts(question.facts))
    if question.text:
        blocks.append(Text(text=question.text))
    if question.wants_text:
        several = len(question.choices) > 1
        blocks.append(Text(text=texts.questions.PICK_OR_WRITE if several else texts.questions.WRITE_ANSWER))
    return Reply(
        blocks=blocks,
        choices=offered(question, approval_id, run_number),
        kind=Kind.QUESTION,
        run_number=run_number,
        approval_id=approval_id,
    )


def offered(question: Question, approval_id: ApprovalId, run_number: int) -> list[ReplyChoice]:
    """Return the buttons of a question that is put: its answers, and the way to its details."""
    more = (
        [CommandChoice(label=texts.questions.DETAILS_BUTTON, command=f"/details {run_number}")]
        if question.details
        else []
    )
    return [*choices(question, approval_id), *more]


def choices(question: Question, approval_id: ApprovalId, *, about: str = "") -> list[DecisionChoice]:
    """Return the buttons of a question; `about` tells several questions apart."""
    return [
        DecisionChoice(
            label=texts.questions.button_about(choice.label, about) if about else choice.label,
            approval_id=approval_id,
            key=choice.key,
            asks_comment=choice.asks_comment,
        )
        for choice in question.choices
    ]
