"""Questions whose time runs out: reminded of, then closed."""

from __future__ import annotations

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import ApprovalId, SessionId, UserId
from shared.ledger import events
from shared.ledger.approvals import COLUMNS, Approval, get
from shared.ledger.runs import Run, Status, get_locked


async def nearly_over(tx: Connection, *, limit: int = 100) -> list[ApprovalId]:
    """Return the questions of which little time is left, and nobody was reminded (index approvals_pending).

    Little is a quarter of the time there was, and at most an hour.
    """
    cursor = await tx.execute(
        """
        SELECT id FROM approvals
         WHERE status = 'pending' AND expires_at > now() AND expires_at <= now() + interval '1 hour'
           AND expires_at - now() <= (expires_at - created_at) / 4 AND reminded_at IS NULL
         ORDER BY expires_at LIMIT %s
        """,
        [limit],
    )
    return [ApprovalId(row[0]) for row in await cursor.fetchall()]


async def remind(tx: Connection, approval_id: ApprovalId) -> Run | None:
    """Remind of a question, once.

    Returns:
        Its run; nothing when it was decided in the meantime, or somebody else reminds of it.
    """
    approval = await get(tx, approval_id)
    run = await get_locked(tx, approval.run_id)
    cursor = await tx.execute(
        """
        UPDATE approvals SET reminded_at = now()
         WHERE id = %s AND status = 'pending' AND reminded_at IS NULL AND expires_at > now()
        """,
        [approval_id],
    )
    if cursor.rowcount == 0:
        return None
    await _tell(tx, approval)
    return run


async def remind_of_person(tx: Connection, requested_by: UserId) -> list[SessionId]:
    """Remind of everything that somebody's runs ask, since others have to answer it now.

    Whoever is reminded of it so is reminded once more when its time is nearly over.

    Returns:
        The sessions of the runs.
    """
    return await _remind_of_all(tx, "requested_by = %s", requested_by)


async def remind_of_chat(tx: Connection, front: str, chat: str) -> list[SessionId]:
    """Remind of everything that is asked in a front's chat and its topics, as of what somebody's runs ask."""
    return await _remind_of_all(
        tx,
        "session_id IN (SELECT id FROM sessions WHERE front = %s AND starts_with(external_key, %s))",
        front,
        f"{chat}:",
    )


async def _remind_of_all(tx: Connection, condition: str, *parameters: str) -> list[SessionId]:
    cursor = await tx.execute(
        f"""
        SELECT approvals.id, run_id, session_id FROM approvals JOIN runs ON runs.id = run_id
         WHERE approvals.status = 'pending' AND expires_at > now() AND ended_at IS NULL AND {condition}
         ORDER BY run_id, ordinal
        """,
        parameters,
    )
    reminded = list[SessionId]()
    for approval_id, run_id, session_id in await cursor.fetchall():
        # Whoever decides has the run's lock too. The run itself is not read: another version may have written it,
        # and what reminds must not fail for that.
        await tx.execute("SELECT FROM lock_run(%s)", [run_id])
        approval = await get(tx, approval_id)
        if approval.status == "pending":
            await _tell(tx, approval)
            reminded.append(session_id)
    return reminded


async def _tell(tx: Connection, approval: Approval) -> None:
    told = {"approval_id": str(approval.id), "expires_at": approval.expires_at.isoformat()}
    await events.append(tx, approval.run_id, events.APPROVAL_REMINDED, {**approval.question, **told})


async def overdue(tx: Connection, *, limit: int = 100) -> list[Approval]:
    """Return what nobody has decided in time, of runs that wait for it (index approvals_pending).

    A run that works on another of its questions meanwhile comes back to this one.
    """
    async with tx.cursor(row_factory=class_row(Approval)) as cursor:
        await cursor.execute(
            f"""
            SELECT {COLUMNS} FROM approvals
             WHERE status = 'pending' AND expires_at < now()
               AND EXISTS (SELECT 1 FROM runs WHERE runs.id = run_id AND runs.status = 'waiting')
             LIMIT %s
            """,
            [limit],
        )
        return await cursor.fetchall()


async def expire(tx: Connection, approval_id: ApprovalId) -> bool:
    """Close a question that nobody has decided in time.

    Returns:
        False when somebody has decided it in the meantime, or its run does not wait.
    """
    approval = await get(tx, approval_id)
    run = await get_locked(tx, approval.run_id)
    if run.status is not Status.WAITING:
        return False
    cursor = await tx.execute(
        "UPDATE approvals SET status = 'expired' WHERE id = %s AND status = 'pending' AND expires_at < now()",
        [approval_id],
    )
    if cursor.rowcount == 0:
        return False
    told = {"approval_id": str(approval_id), "title": approval.question["title"]}
    await events.append(tx, run.id, events.APPROVAL_EXPIRED, told)
    return True
