"""Questions that stand, and what was decided: stored, bound to exactly what would be done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from psycopg.rows import class_row

from shared import queue
from shared.database import Connection
from shared.errors import BadInput, Conflict, NotAllowed, NotFound
from shared.ids import ApprovalId, RunId
from shared.ledger import audit, events
from shared.ledger.questions import Answer, Asked, Detail, Question
from shared.ledger.runs import Run, get_locked
from shared.ledger.users import User
from shared.storable import storable_json


@dataclass(frozen=True, slots=True)
class Approval:
    """A question and, once decided, its answer."""

    id: ApprovalId
    run_id: RunId
    interrupt_id: str
    task_id: str
    ordinal: int
    question: dict[str, Any]
    digest: str
    allowed_roles: list[str]
    by_someone_else: bool
    status: Literal["pending", "decided", "expired", "withdrawn"]
    answer: dict[str, Any] | None
    decided_by: str | None
    decided_at: datetime | None
    expires_at: datetime
    is_over: bool
    """Whether the time to decide it was over when it was read: the database says so, whose clock closes it as well."""
    created_at: datetime


COLUMNS: Final = """
    id, run_id, interrupt_id, task_id, ordinal, question, digest, allowed_roles, by_someone_else, status, answer,
    decided_by, decided_at, expires_at, expires_at < now() AS is_over, created_at
"""


class NoSuchApproval(NotFound):
    """There is no such approval."""

    code = "no_such_approval"
    advice = "See /approvals for what waits."


class ApprovalClosed(Conflict):
    """This has been decided already, or is not asked any more."""

    code = "approval_closed"
    advice = "See /approvals for what waits."


class MayNotDecide(NotAllowed):
    """You may not decide this."""

    code = "may_not_decide"


class NotAnAnswer(BadInput):
    """That is not one of the answers."""

    code = "not_an_answer"


async def ask(tx: Connection, run: Run, asked: Sequence[Asked]) -> list[Approval]:
    """Store questions; one that stands already is not put twice.

    A question that is pending but not among them has been overtaken: it is withdrawn.

    Returns:
        The new ones.
    """
    if run.claim_token > 1:
        await tx.execute(
            """
            UPDATE approvals SET status = 'withdrawn'
             WHERE run_id = %s AND status = 'pending' AND interrupt_id <> ALL(%s)
            """,
            [run.id, [one.interrupt_id for one in asked]],
        )
    new = []
    async with tx.cursor(row_factory=class_row(Approval)) as cursor:
        for one in asked:
            question = one.question
            await cursor.execute(
                f"""
                INSERT INTO approvals (run_id, interrupt_id, task_id, ordinal, question, details, digest,
                                       allowed_roles, by_someone_else, expires_at)
                VALUES (%(run_id)s, %(interrupt_id)s, %(task_id)s,
                        (SELECT count(*) FROM approvals
                          WHERE run_id = %(run_id)s AND task_id = %(task_id)s AND status = 'decided'),
                        %(question)s, %(details)s, %(digest)s, %(allowed_roles)s, %(by_someone_else)s,
                        now() + make_interval(secs => %(expires_in_s)s))
                ON CONFLICT (run_id, interrupt_id) DO NOTHING
                RETURNING {COLUMNS}
                """,
                {
                    "run_id": run.id,
                    "interrupt_id": one.interrupt_id,
                    "task_id": one.task_id,
                    "question": storable_json(question.without_texts().model_dump(mode="json")),
                    "details": storable_json([one.model_dump() for one in question.details]),
                    "digest": question.digest,
                    "allowed_roles": [str(role) for role in question.allowed_roles],
                    "by_someone_else": question.by_someone_else,
                    "expires_in_s": question.expires_in_s,
                },
            )
            if approval := await cursor.fetchone():
                new.append(approval)
    return new


async def decide(
    tx: Connection,
    approval_id: ApprovalId,
    *,
    user: User,
    front: str,
    trace_id: str,
    choice: str | None = None,
    text: str | None = None,
) -> Approval:
    """Store a person's decision together with the job that carries it on.

    Args:
        tx: The transaction that must commit before the person is answered.
        approval_id: The question.
        user: Who decides.
        front: From where.
        trace_id: The trace of the message or button.
        choice: The key of one of the question's choices.
        text: A comment, or the free text that was asked for.

    Returns:
        The decided approval.

    Raises:
        NoSuchApproval: There is no such question.
        ApprovalClosed: It was decided, has expired, or was withdrawn.
        MayNotDecide: This person may not decide it.
        NotAnAnswer: It is not one of the choices, and no text was asked for.
    """
    run = await get_locked(tx, (await get(tx, approval_id)).run_id)
    approval = await get(tx, approval_id)
    check_open(approval)
    _check_allowed(approval, user, requested_by=run.requested_by)
    _check_answer(approval, choice, text)
    answer = Answer(choice=choice, text=text, by=user.id, digest=approval.digest)
    async with tx.cursor(row_factory=class_row(Approval)) as cursor:
        await cursor.execute(
            f"""
            UPDATE approvals SET status = 'decided', answer = %s, decided_by = %s, decided_at = now()
             WHERE id = %s RETURNING {COLUMNS}
            """,
            [storable_json(answer.model_dump(mode="json")), user.id, approval_id],
        )
        decided = await cursor.fetchone()
    assert decided is not None  # noqa: S101
    question = Question.model_validate(approval.question)
    told = {
        "approval_id": str(approval_id),
        "title": question.title,
        "by": user.id,
        "name": user.name,
        "choice": choice,
        "label": next((one.label for one in question.choices if one.key == choice), None),
        "text": text,
    }
    await events.append(tx, run.id, events.APPROVAL_DECIDED, told)
    await audit.record(
        tx,
        user_id=user.id,
        front=front,
        action="approval.decided",
        subject=f"run:{run.id}",
        digest=approval.digest,
        details={"choice": choice, "kind": approval.question["kind"]},
        trace_id=trace_id,
    )
    await queue.defer(tx, run)
    return decided


async def get(tx: Connection, approval_id: ApprovalId) -> Approval:
    """Return an approval.

    Raises:
        NoSuchApproval: There is none with this id.
    """
    async with tx.cursor(row_factory=class_row(Approval)) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM approvals WHERE id = %s", [approval_id])
        approval = await cursor.fetchone()
    if approval is None:
        raise NoSuchApproval
    return approval


async def details_of(tx: Connection, approval_id: ApprovalId) -> list[Detail]:
    """Return what there is to read before deciding.

    Raises:
        NoSuchApproval: There is none with this id.
    """
    cursor = await tx.execute("SELECT details FROM approvals WHERE id = %s", [approval_id])
    row = await cursor.fetchone()
    if row is None:
        raise NoSuchApproval
    return [Detail.model_validate(one) for one in row[0]]


async def of_run(tx: Connection, run_id: RunId) -> list[Approval]:
    """Return everything a run has asked, oldest first."""
    async with tx.cursor(row_factory=class_row(Approval)) as cursor:
        await cursor.execute(
            f"SELECT {COLUMNS} FROM approvals WHERE run_id = %s ORDER BY created_at, ordinal", [run_id]
        )
        return await cursor.fetchall()


async def pending(tx: Connection, *, limit: int = 50) -> list[Approval]:
    """Return what waits for a person, the oldest first (index approvals_pending)."""
    async with tx.cursor(row_factory=class_row(Approval)) as cursor:
        await cursor.execute(
            f"SELECT {COLUMNS} FROM approvals WHERE status = 'pending' ORDER BY created_at LIMIT %s", [limit]
        )
        return await cursor.fetchall()


async def withdraw(tx: Connection, run_id: RunId) -> None:
    """Take back what a run still asks, since it goes on or ends without an answer."""
    await tx.execute(
        "UPDATE approvals SET status = 'withdrawn' WHERE run_id = %s AND status = 'pending'", [run_id]
    )


async def any_undelivered(tx: Connection, run_id: RunId) -> bool:
    """Whether there is an answer that no claim has taken to the graph yet."""
    cursor = await tx.execute(
        "SELECT 1 FROM approvals WHERE run_id = %s AND status = 'decided' AND delivered_at IS NULL LIMIT 1",
        [run_id],
    )
    return await cursor.fetchone() is not None


async def any_open(tx: Connection, run_id: RunId) -> bool:
    """Whether anything will wake a waiting run: a question, or an answer not taken to the graph yet."""
    cursor = await tx.execute(
        """
        SELECT 1 FROM approvals
         WHERE run_id = %s AND (status = 'pending' OR status = 'decided' AND delivered_at IS NULL) LIMIT 1
        """,
        [run_id],
    )
    return await cursor.fetchone() is not None


async def mark_delivered(tx: Connection, run_id: RunId) -> None:
    """Note that a claim takes the answers there are to the graph."""
    await tx.execute(
        "UPDATE approvals SET delivered_at = now() WHERE run_id = %s AND status = 'decided' AND delivered_at IS NULL",
        [run_id],
    )


def check_open(approval: Approval) -> None:
    """Make sure that a question may still be decided.

    Raises:
        ApprovalClosed: It was decided, has expired, or was withdrawn.
    """
    if approval.status == "decided":
        raise ApprovalClosed(f"This was decided already, by {approval.decided_by}.")
    if approval.status == "expired" or approval.is_over:
        raise ApprovalClosed("The time to decide this is over.")
    if approval.status == "withdrawn":
        raise ApprovalClosed("This is not asked any more.")


def _check_allowed(approval: Approval, user: User, *, requested_by: str) -> None:
    if user.role not in approval.allowed_roles:
        raise MayNotDecide(f"Only {' or '.join(approval.allowed_roles)} may decide this.")
    if approval.by_someone_else and user.id == requested_by:
        raise MayNotDecide("Somebody other than who asked for it must decide this.")


def _check_answer(approval: Approval, choice: str | None, text: str | None) -> None:
    question = Question.model_validate(approval.question)
    labels = ", ".join(one.label for one in question.choices)
    if choice is not None and choice not in [one.key for one in question.choices]:
        raise NotAnAnswer(f"The answers are: {labels}.")
    if choice is None and not (question.wants_text and text):
        raise NotAnAnswer(f"The answers are: {labels}." if labels else "A text is asked for.")
