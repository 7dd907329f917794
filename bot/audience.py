"""Who else has to see a question: those who may answer it, when nobody where it is put may."""

from __future__ import annotations

from bot.places import Place
from shared.database import Connection
from shared.ids import ApprovalId, RunId


async def private_chats_of_deciders(
    tx: Connection, run_id: RunId | None, approval_id: ApprovalId | None, *, unheard: bool
) -> list[Place]:
    """Return the private chats of those who may answer a question, when the one who asked for the run may not.

    Nor may whoever was let go. In a group, everybody sees the question, and whoever may answers it.

    Args:
        tx: A transaction.
        run_id: The run that asks.
        approval_id: The question.
        unheard: Whether it is put where nobody is let in any more: then who asked for the run may not have seen it.
    """
    cursor = await tx.execute(
        """
        SELECT telegram_chats.chat_id
          FROM approvals
          JOIN runs ON runs.id = run_id
          JOIN users AS asker ON asker.id = runs.requested_by
          JOIN users AS decider
            ON decider.role = ANY (allowed_roles) AND decider.removed_at IS NULL
           AND (decider.id <> asker.id OR %(unheard)s AND NOT by_someone_else)
          JOIN telegram_chats ON kind = 'private' AND 'telegram:' || chat_id = decider.id
         WHERE approvals.id = %(approval_id)s AND runs.id = %(run_id)s
           AND (%(unheard)s OR by_someone_else OR NOT asker.role = ANY (allowed_roles) OR asker.removed_at IS NOT NULL)
         ORDER BY telegram_chats.chat_id
        """,
        {"approval_id": approval_id, "run_id": run_id, "unheard": unheard},
    )
    return [Place(int(row[0]), None) for row in await cursor.fetchall()]
