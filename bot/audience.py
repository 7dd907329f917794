"""Who else has to see a question: those who may answer it, when nobody where it is put may."""

from __future__ import annotations

from bot.places import Place
from shared.database import Connection
from shared.ids import ApprovalId, RunId


async def private_chats_of_deciders(
    tx: Connection, run_id: RunId | None, approval_id: ApprovalId | None
) -> list[Place]:
    """Return the private chats of those who may answer a question, when the one who asked for the run may not.

    Nor may whoever was let go. In a group, everybody sees the question, and whoever may answers it.
    """
    cursor = await tx.execute(
        """
        SELECT telegram_chats.chat_id
          FROM approvals
          JOIN runs ON runs.id = run_id
          JOIN users AS asker ON asker.id = runs.requested_by
          JOIN users AS decider
            ON decider.role = ANY (allowed_roles) AND decider.removed_at IS NULL AND decider.id <> asker.id
          JOIN telegram_chats ON kind = 'private' AND 'telegram:' || chat_id = decider.id
         WHERE approvals.id = %s AND runs.id = %s
           AND (by_someone_else OR NOT asker.role = ANY (allowed_roles) OR asker.removed_at IS NOT NULL)
         ORDER BY telegram_chats.chat_id
        """,
        [approval_id, run_id],
    )
    return [Place(int(row[0]), None) for row in await cursor.fetchall()]
