"""Who else has to see what is said of a run, when nobody where it is said may answer it, or hears it."""

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


async def private_chats_of_run(tx: Connection, run_id: RunId) -> list[Place]:
    """Return where a run is spoken of when nobody hears it in its session any more.

    That is with whoever asked for it, and where its questions were put; if nobody of them is left, with the owners.
    """
    cursor = await tx.execute(
        """
        SELECT telegram_chats.chat_id
          FROM runs
          JOIN users ON removed_at IS NULL
          JOIN telegram_chats ON kind = 'private' AND state <> 'gone' AND 'telegram:' || chat_id = users.id
         CROSS JOIN LATERAL (
                SELECT users.id = requested_by
                       -- Indexes: the approvals' unique one, outbox_approval.
                    OR EXISTS (SELECT FROM approvals JOIN outbox ON outbox.approval_id = approvals.id
                                WHERE approvals.run_id = runs.id AND outbox.chat_id = telegram_chats.chat_id)
                    AS knows
               ) AS them
         WHERE runs.id = %s AND (knows OR role = 'owner')
         ORDER BY knows DESC FETCH FIRST ROW WITH TIES
        """,
        [run_id],
    )
    return [Place(int(row[0]), None) for row in await cursor.fetchall()]
