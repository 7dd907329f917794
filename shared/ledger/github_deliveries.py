"""Webhooks' deliveries from GitHub: each is stored once, before it is answered, and names what to look at again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from shared.database import Connection
from shared.ledger import repositories

LONGEST_NAME: Final = 100
"""Characters of an id, an event or an action; GitHub's have fewer."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a delivery."""

    new: bool
    """Whether it was not stored before."""
    due: bool
    """Whether it is new and names a repository of a project's."""


async def accept(
    tx: Connection, delivery_id: str, *, event: str, action: str | None, repository_id: int | None
) -> Accepted:
    """Store a delivery, and have what it names looked at again.

    In this order: a look that ends in between sees the delivery, or has its `due_at` moved after it.
    """
    cursor = await tx.execute(
        """
        INSERT INTO github_deliveries (id, event, action, repository_id) VALUES (%s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        [delivery_id, event, action, repository_id],
    )
    new = cursor.rowcount == 1
    due = new and repository_id is not None and await repositories.call_due(tx, [repository_id]) > 0
    return Accepted(new, due)


async def settle_strangers(tx: Connection) -> int:
    """Note as handled what names no repository of a project's (index github_deliveries_waiting).

    Returns:
        How many there were.
    """
    cursor = await tx.execute(
        """
        UPDATE github_deliveries SET handled_at = clock_timestamp()
         WHERE handled_at IS NULL
           AND NOT EXISTS (SELECT FROM repositories JOIN projects ON projects.id = repositories.project_id
                            WHERE repositories.id = github_deliveries.repository_id AND removed_at IS NULL)
        """
    )
    return cursor.rowcount


async def waiting(tx: Connection) -> int:
    """Return how many deliveries are not handled yet."""
    cursor = await tx.execute("SELECT count(*) FROM github_deliveries WHERE handled_at IS NULL")
    [(count,)] = await cursor.fetchall()
    return int(count)
