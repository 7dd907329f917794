"""The sender's view of the outbox: which row is next in each chat, and what has become of those before.

Both are asked for many chats in one transaction, since a message a statement would be what sending
costs. A row that somebody else is changing is left alone and asked for again: the chats of one
transaction must not wait for a lock in one of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from psycopg.rows import dict_row, tuple_row

from bot import chats, outbox
from bot.chats import OPEN
from bot.outbox import COLUMNS, PROGRESS, Row, RowStatus
from bot.places import FRONT
from shared.database import Connection
from shared.ledger import groups
from shared.storable import storable


class Rank(IntEnum):
    """Which of a chat's rows is next: the least rank, and in it the least id."""

    UNKNOWN = 0
    """A call whose end nobody knows: nothing may overtake it."""
    TOAST = 1
    """An answer to a button press, which somebody waits for with the finger on the screen."""
    ANSWER = 2
    ANSWER_EDIT = 3
    MESSAGE = 4
    EDIT = 5
    PROGRESS = 6


@dataclass(frozen=True, slots=True)
class Look:
    """A chat that is asked for its next row."""

    chat_id: int
    granted: bool = False
    """Whether the pace allows what nobody has asked for."""
    held: bool = False
    """Whether only toasts may go there now."""


@dataclass(frozen=True, slots=True)
class Next:
    """What is next in a chat."""

    chat_id: int
    rank: Rank
    is_progress: bool
    row: Row | None
    """The row, marked as under way; None where it has to wait for its turn or for somebody's transaction."""

    @property
    def is_paced(self) -> bool:
        """Whether it has to wait for its turn."""
        return self.rank >= Rank.MESSAGE


@dataclass(frozen=True, slots=True)
class Mark:
    """What has become of a row."""

    row: Row
    """As the call found it: it counts only where the row is still so."""
    status: RowStatus
    message_id: int | None
    sent_revision: int
    error: str | None = None


_NEEDS_MESSAGE: Final = "(status = 'pending' OR message_id IS NULL)"
"""What has to be sent as a new message: also what stood somewhere where it can no longer be edited."""

_UNREADABLE: Final = "it cannot be read"
"""The reason for which rows are put aside."""

_HELD: Final = f"SELECT FROM leases WHERE name = '{FRONT}' AND token = %(token)s FOR KEY SHARE"
"""The lease, kept by this token until the transaction ends; see `shared.lease.assert_lease`."""


async def holds(tx: Connection, token: int) -> bool:
    """Return whether the lease is still held by this token."""
    cursor = await tx.execute(f"SELECT EXISTS ({_HELD.removesuffix(' FOR KEY SHARE')})", {"token": token})
    row = await cursor.fetchone()
    return bool(row and row[0])


async def strangers(
    tx: Connection, chat_ids: Collection[int], *, groups_in_settings: Collection[int] | None
) -> set[int]:
    """Return those of the chats where nobody is let in any more: of people who were let go, and such groups.

    Two small statements, of which most rounds need the first: as a part of `take` it doubles what planning that costs.

    Args:
        tx: A transaction.
        chat_ids: The chats.
        groups_in_settings: The groups that the settings let in; None where nobody asks which are.
    """
    strange = set[int]()
    async with tx.cursor(row_factory=tuple_row) as cursor:
        if people := [chat_id for chat_id in chat_ids if not chats.is_group(chat_id)]:
            # Index: the primary key.
            await cursor.execute(
                "SELECT id FROM users WHERE id = ANY(%s) AND removed_at IS NOT NULL",
                [[f"{FRONT}:{chat_id}" for chat_id in people]],
            )
            strange |= {int(one.removeprefix(f"{FRONT}:")) for (one,) in await cursor.fetchall()}
        met = {chat_id for chat_id in chat_ids if chats.is_group(chat_id)}
        if met and groups_in_settings is not None:
            await cursor.execute(groups.LET_IN, {"groups_in_settings": list(groups_in_settings)})
            strange |= met - {chat_id for (chat_id,) in await cursor.fetchall()}
    return strange


async def drop(tx: Connection, chat_ids: Collection[int], *, token: int) -> None:
    """Give up what is on its way to strangers, as far as nobody else is changing it; nothing without the lease."""
    await tx.execute(
        f"""
        UPDATE outbox
           SET status = CASE WHEN status = 'sent' THEN 'sent' ELSE 'dropped' END,
               sent_revision = CASE WHEN status = 'sent' THEN revision ELSE sent_revision END,
               error = 'nobody is let in there any more'
         WHERE id IN (SELECT id FROM outbox
                       -- Index: outbox_open.
                       WHERE chat_id = ANY(%(chats)s) AND {OPEN} AND due_at < 'infinity' AND EXISTS ({_HELD})
                         FOR NO KEY UPDATE OF outbox SKIP LOCKED)
        """,
        {"chats": list(chat_ids), "token": token},
    )


async def take(tx: Connection, looks: Sequence[Look], *, token: int) -> list[Next]:
    """Find the next row of each chat, and mark those that may go now.

    A new message is marked `sending`; commit that before it is sent. Nothing is marked when the
    lease is lost. What cannot be read is put aside.

    Args:
        tx: A transaction of its own.
        looks: The chats, none of which has a call under way.
        token: The lease by which this process speaks.
    """
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            WITH look AS (
                SELECT * FROM unnest(%(chats)s::bigint[], %(granted)s::bool[], %(held)s::bool[])
                    AS look (chat_id, granted, held)
            ), best AS MATERIALIZED (
                SELECT one.*, look.granted
                  FROM look CROSS JOIN LATERAL (
                    SELECT id, chat_id AS best_chat_id, status AS was, key LIKE %(progress)s AS is_progress,
                           CASE WHEN status = 'sending' THEN {Rank.UNKNOWN:d}
                                WHEN solicited AND status = 'pending' AND content ->> 'type' = 'toast'
                                     THEN {Rank.TOAST:d}
                                WHEN solicited AND {_NEEDS_MESSAGE} THEN {Rank.ANSWER:d}
                                WHEN solicited THEN {Rank.ANSWER_EDIT:d}
                                WHEN {_NEEDS_MESSAGE} THEN {Rank.MESSAGE:d}
                                WHEN key NOT LIKE %(progress)s THEN {Rank.EDIT:d}
                                ELSE {Rank.PROGRESS:d} END AS rank
                      FROM outbox
                     -- Index: outbox_open. Times are not compared: the clock may have been set back.
                     WHERE chat_id = look.chat_id AND {OPEN} AND due_at < 'infinity'
                       AND (NOT look.held OR content ->> 'type' = 'toast')
                     ORDER BY rank, id LIMIT 1
                  ) AS one
            ), free AS (
                SELECT outbox.id
                  FROM best JOIN outbox ON outbox.id = best.id AND outbox.status = best.was
                 WHERE (best.rank < {Rank.MESSAGE:d} OR best.granted) AND EXISTS ({_HELD})
                   FOR NO KEY UPDATE OF outbox SKIP LOCKED
            ), taken AS (
                UPDATE outbox
                   SET status = CASE WHEN {_NEEDS_MESSAGE} THEN 'sending' ELSE status END,
                       attempts = attempts + 1,
                       -- A row that is taken again keeps the time of the call that nobody knows the end of.
                       due_at = CASE WHEN status = 'sending' THEN due_at ELSE clock_timestamp() END
                 WHERE id IN (SELECT id FROM free)
                RETURNING {COLUMNS}
            )
            SELECT best.best_chat_id, best.rank, best.is_progress, taken.*
              FROM best LEFT JOIN taken ON taken.id = best.id
            """,
            {
                "chats": [look.chat_id for look in looks],
                "granted": [look.granted for look in looks],
                "held": [look.held for look in looks],
                "progress": f"{PROGRESS}%",
                "token": token,
            },
        )
        found = await cursor.fetchall()
    following = [_next(one) for one in found]
    unreadable = [
        one
        for one, known in zip(found, following, strict=True)
        if known.row is None and one["id"] is not None
    ]
    if unreadable:
        await _put_aside(tx, unreadable)
    return following


async def take_up_again(tx: Connection, *, token: int) -> None:
    """Make due what was put aside, for it may be read now: another version was the speaker before."""
    await tx.execute(
        f"""
        -- A call that was cut short began after its row was written, whenever that was.
        UPDATE outbox SET due_at = CASE WHEN status = 'sending' THEN created_at ELSE now() END, error = NULL
         -- Index: outbox_open. Where the chat is closed, another reason stands there.
         WHERE {OPEN} AND due_at = 'infinity' AND error = %(reason)s AND EXISTS ({_HELD})
        """,
        {"reason": _UNREADABLE, "token": token},
    )


async def record(tx: Connection, marks: Sequence[Mark], *, token: int) -> set[int]:
    """Write down what has become of rows, where that still matters.

    Meanwhile a row may have gone to another chat, where the message does not stand, or have been
    revived; and the same may be recorded again by somebody who does not know that it was. Neither
    changes anything. But what was said was said, also where the chat was closed by then, and by
    whoever has lost the lease since: what its call came to, nobody knows better until the row is
    taken by the next one.

    Returns:
        The ids of those that are settled; the others belong to a transaction that is still open,
        or the lease is lost.
    """
    async with tx.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            f"""
            WITH mark AS (
                SELECT * FROM unnest(%(ids)s::bigint[], %(chats)s::bigint[], %(were)s::text[], %(statuses)s::text[],
                                     %(message_ids)s::bigint[], %(revisions)s::int[], %(errors)s::text[],
                                     %(attempts)s::int[])
                    AS mark (id, chat_id, was, status, message_id, sent_revision, error, attempts)
            ), free AS (
                SELECT outbox.id FROM outbox JOIN mark USING (id)
                 -- Whoever takes a row counts it as an attempt.
                 WHERE EXISTS ({_HELD})
                    OR (mark.was = 'sending' AND outbox.status = 'sending' AND outbox.attempts = mark.attempts)
                   FOR NO KEY UPDATE OF outbox SKIP LOCKED
            ), written AS (
                UPDATE outbox
                   SET status = mark.status, message_id = mark.message_id, sent_revision = mark.sent_revision,
                       error = mark.error,
                       sent_at = CASE WHEN mark.status = 'sent' THEN clock_timestamp() ELSE sent_at END
                  FROM mark JOIN free USING (id)
                 WHERE outbox.id = mark.id AND outbox.chat_id = mark.chat_id
                   AND (outbox.status = mark.was
                        OR (mark.was = 'sending' AND mark.status = 'sent' AND outbox.status = 'pending'))
            )
            -- What retention has deleted is settled too.
            SELECT mark.id FROM mark LEFT JOIN free USING (id)
             WHERE free.id IS NOT NULL OR NOT EXISTS (SELECT FROM outbox WHERE outbox.id = mark.id)
            """,
            {
                "ids": [mark.row.id for mark in marks],
                "chats": [mark.row.chat_id for mark in marks],
                "were": [mark.row.status for mark in marks],
                "statuses": [mark.status for mark in marks],
                "message_ids": [mark.message_id for mark in marks],
                "revisions": [mark.sent_revision for mark in marks],
                "errors": [mark.error and storable(mark.error) for mark in marks],
                "attempts": [mark.row.attempts for mark in marks],
                "token": token,
            },
        )
        return {row_id for (row_id,) in await cursor.fetchall()}


async def chats_with_something(tx: Connection) -> set[int]:
    """Return the chats for which there is something to send or to edit."""
    async with tx.cursor(row_factory=tuple_row) as cursor:
        # Index: outbox_open.
        await cursor.execute(f"SELECT DISTINCT chat_id FROM outbox WHERE {OPEN} AND due_at < 'infinity'")
        return {chat_id for (chat_id,) in await cursor.fetchall()}


async def chats_under_way(tx: Connection) -> set[int]:
    """Return the chats in which a call is under way, or nobody knows how it went."""
    async with tx.cursor(row_factory=tuple_row) as cursor:
        # Index: outbox_open.
        await cursor.execute("SELECT DISTINCT chat_id FROM outbox WHERE status = 'sending'")
        return {chat_id for (chat_id,) in await cursor.fetchall()}


async def is_superseded(tx: Connection, row: Row) -> bool:
    """Return whether a later message of the chat speaks of the same run, so that its progress is old news."""
    cursor = await tx.execute(
        """
        SELECT EXISTS (
            SELECT FROM outbox
             WHERE chat_id = %(chat_id)s AND id > %(id)s AND run_number = %(run_number)s AND status <> 'dropped'
        )
        """,
        {"chat_id": row.chat_id, "id": row.id, "run_number": row.run_number},
    )
    found = await cursor.fetchone()
    return bool(found and found[0])


def _next(record: dict[str, Any]) -> Next:
    return Next(
        chat_id=record["best_chat_id"],
        rank=Rank(record["rank"]),
        is_progress=record["is_progress"],
        row=outbox.read(record) if record["id"] is not None else None,
    )


async def _put_aside(tx: Connection, records: Sequence[dict[str, Any]]) -> None:
    """Let rows wait for a speaker who can read them, as they were: another version has written them."""
    await tx.execute(
        """
        UPDATE outbox
           SET status = CASE WHEN status = 'sending' AND NOT id = ANY(%(unknown)s) THEN 'pending' ELSE status END,
               due_at = 'infinity', error = %(reason)s
         WHERE id = ANY(%(ids)s)
        """,
        {
            "ids": [one["id"] for one in records],
            "unknown": [one["id"] for one in records if one["rank"] == Rank.UNKNOWN],
            "reason": _UNREADABLE,
        },
    )
