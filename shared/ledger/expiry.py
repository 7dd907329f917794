"""Questions whose time runs out: reminded of, then closed."""

from __future__ import annotations

from psycopg.rows import class_row

from shared.database import Connection
from shared.ids import ApprovalId
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
    told = {"approval_id": str(approval_id), "expires_at": approval.expires_at.isoformat()}
    await events.append(tx, run.id, events.APPROVAL_REMINDED, {**approval.question, **told})
    return run


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
