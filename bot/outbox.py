"""What the bot wants to stand in its chats: one row, one message.

Whoever has something to say writes a row here, in the transaction that has the reason for it;
`bot.sender` makes the chats so. Nothing in this module talks to Telegram.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import structlog
from psycopg import AsyncCursor
from psycopg.rows import TupleRow, dict_row, tuple_row
from pydantic import TypeAdapter

from bot.outgoing import Button, Outgoing, Toast
from bot.places import FRONT, Place
from graph.conversation.replies import ReplyChoice
from shared.database import Connection
from shared.ids import ApprovalId, SessionId
from shared.storable import storable_json

PROGRESS: Final = "progress:"
"""Keys of messages that show where a run is begin so: they wait behind all others, and are not sent late."""

log = structlog.get_logger(__name__)

_OUTGOING: TypeAdapter[Outgoing] = TypeAdapter(Outgoing)
_CHOICE: TypeAdapter[ReplyChoice] = TypeAdapter(ReplyChoice)


class RowStatus(StrEnum):
    """What has become of a row."""

    PENDING = "pending"
    """It is to be sent."""
    SENDING = "sending"
    """The call is under way, or nobody knows how it went."""
    SENT = "sent"
    """It stands in the chat; with a revision that is ahead, it is to be edited."""
    DROPPED = "dropped"
    """It will not be sent; `error` says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that should stand in a chat."""

    id: int
    key: str
    chat_id: int
    thread_id: int | None
    session_id: SessionId | None
    run_number: int | None
    approval_id: ApprovalId | None
    content: Outgoing
    solicited: bool
    revision: int
    sent_revision: int
    message_id: int | None
    status: RowStatus
    attempts: int
    due_at: datetime | None
    """None while the chat is closed to the bot, or nobody can read the row."""
    error: str | None
    created_at: datetime
    sent_at: datetime | None

    def __post_init__(self) -> None:
        """Parse what comes from the database as JSON and text."""
        if isinstance(self.content, dict):
            object.__setattr__(self, "content", _OUTGOING.validate_python(self.content))
        object.__setattr__(self, "status", RowStatus(self.status))

    @property
    def place(self) -> Place:
        """Where it stands."""
        return Place(self.chat_id, self.thread_id)

    @property
    def is_progress(self) -> bool:
        """Whether it shows where a run is."""
        return self.key.startswith(PROGRESS)


_FIELDS: Final = frozenset(field.name for field in fields(Row))

COLUMNS: Final = (
    "id, key, chat_id, thread_id, session_id, run_number, approval_id, content, solicited, revision,"
    " sent_revision, message_id, status, attempts, CASE WHEN isfinite(due_at) THEN due_at END AS due_at,"
    " error, created_at, sent_at"
)
"""What a `Row` is made of. `due_at` is infinite while the chat is closed, which Python has no date for."""


_NOT_TAKEN: Final = "false"
_TAKEN_IF_FREE: Final = f"""
    state = 'open'
    -- Index: outbox_open. What is under way there, or was to be answered before.
    AND NOT EXISTS (SELECT FROM outbox AS earlier
                     WHERE earlier.chat_id = place.chat_id AND earlier.due_at < 'infinity'
                       AND earlier.status IN ('pending', 'sending')
                       AND (earlier.status = 'sending' OR earlier.solicited))
    AND EXISTS (SELECT FROM leases WHERE name = '{FRONT}' AND token = %(token)s FOR KEY SHARE)
"""
"""Whether a new row may go at once, as `bot.dispatch.take` would find. Whether somebody is still let in there
is not asked: whoever answers has found out in the same transaction, and the place is no group."""


async def put(
    tx: Connection,
    *,
    key: str,
    place: Place,
    content: Outgoing,
    solicited: bool,
    session_id: SessionId | None = None,
    run_number: int | None = None,
    approval_id: ApprovalId | None = None,
    token: int | None = None,
) -> Row | None:
    """Say something once.

    A chat that has moved is followed, a topic that is gone gives way to its chat. Where the chat
    is closed, what is worth it waits, and the rest is dropped with its reason.

    Args:
        tx: The transaction that holds the reason for saying it. Call `Sender.wake` after its commit.
        key: What it says; whatever has the same key is the same message.
        place: Where.
        content: What. Its buttons get their ids here.
        solicited: Whether it answers what a person has just said.
        session_id: The conversation it belongs to.
        run_number: The run it speaks of.
        approval_id: The question it puts.
        token: The lease by which this process speaks, for an answer in a place that is reserved: it is
            taken where nothing goes before it, and need not be looked for. See `Sender.reserve`.

    Returns:
        The row that was taken: give it to the sender as soon as the transaction is committed.
    """
    content = _with_ids(content, {})
    # Without a lease nobody asks what has come of it: in a pipeline this waits for nothing.
    written = await _insert(
        tx,
        key=key,
        place=place,
        content=content,
        solicited=solicited,
        session_id=session_id,
        run_number=run_number,
        approval_id=approval_id,
        token=token,
    )
    if token is None or (found := await written.fetchone()) is None:
        return None
    row_id, chat_id, thread_id, created_at, taken_at = found
    if taken_at is None:
        return None
    return Row(
        id=row_id,
        key=key,
        chat_id=chat_id,
        thread_id=thread_id,
        session_id=session_id,
        run_number=run_number,
        approval_id=approval_id,
        content=content,
        solicited=solicited,
        revision=1,
        sent_revision=0,
        message_id=None,
        status=RowStatus.SENDING,
        attempts=1,
        due_at=taken_at,
        error=None,
        created_at=created_at,
        sent_at=None,
    )


async def stand(
    tx: Connection,
    *,
    key: str,
    place: Place,
    content: Outgoing,
    solicited: bool,
    session_id: SessionId | None = None,
    run_number: int | None = None,
    approval_id: ApprovalId | None = None,
) -> bool:
    """Say what should stand under a key from now on: put it, or change what is there.

    Buttons that mean the same keep their ids. The ids of those that go are not forgotten, so that
    a press on a message that has not changed yet can be explained. What was dropped is tried again
    when it changes, unless its chat is closed. A document's file stays what it was first; its
    caption and buttons can change. What cannot be read gives way, with all its buttons.

    Args:
        tx: The transaction that holds the reason for it. Call `Sender.wake` after its commit.
        key: What it says.
        place: Where; for a message that stands already, only its row counts.
        content: What should stand there.
        solicited: Whether this change answers what a person has just done.
        session_id: The conversation it belongs to.
        run_number: The run it speaks of.
        approval_id: The question it puts.

    Returns:
        Whether anything has changed.
    """
    there = await _locked(tx, key)
    if there is None:
        written = await _insert(
            tx,
            key=key,
            place=place,
            content=_with_ids(content, {}),
            solicited=solicited,
            session_id=session_id,
            run_number=run_number,
            approval_id=approval_id,
        )
        if await written.fetchone() is not None:
            return True
        # Somebody else has put it since; their transaction has ended.
        there = await _locked(tx, key)
        assert there is not None  # noqa: S101
    before = read(there)
    content = _with_ids(content, _ids_by_meaning(before.content) if before else {})
    if before is not None and _dumped(content) == _dumped(before.content):
        return False
    await _change(tx, there, content, solicited=solicited)
    return True


async def is_there(tx: Connection, key: str) -> bool:
    """Whether anything was said under a key, whoever can read it."""
    cursor = await tx.execute("SELECT FROM outbox WHERE key = %s", [key])
    return await cursor.fetchone() is not None


async def of_key(tx: Connection, key: str) -> Row | None:
    """Return the row that says a thing; None also for one that cannot be read."""
    return await _row(tx, "key = %s", [key])


async def of_message(tx: Connection, chat_id: int, message_id: int) -> Row | None:
    """Return the row that stands in a chat as a message; None also for one that cannot be read."""
    # Index: outbox_message.
    return await _row(tx, "chat_id = %s AND message_id = %s ORDER BY id DESC LIMIT 1", [chat_id, message_id])


async def of_approval(tx: Connection, approval_id: ApprovalId) -> list[Row]:
    """Return the messages that put a question, oldest first, but for those that cannot be read."""
    async with tx.cursor(row_factory=dict_row) as cursor:
        # Index: outbox_approval.
        await cursor.execute(
            f"SELECT {COLUMNS} FROM outbox WHERE approval_id = %s ORDER BY id", [approval_id]
        )
        return [row for row in map(read, await cursor.fetchall()) if row is not None]


def read(record: dict[str, Any]) -> Row | None:
    """Return the row of a record, or None where another version has written what this one cannot read.

    Args:
        record: The columns of a row, among others.
    """
    try:
        return Row(**{name: value for name, value in record.items() if name in _FIELDS})
    except ValueError as error:
        # Its text quotes what was to be said.
        reason = type(error).__name__
        log.error("message.unreadable", key=record["key"], chat_id=record["chat_id"], error=reason)  # noqa: TRY400
        return None


async def choice_of(tx: Connection, button_id: str) -> tuple[ReplyChoice, Row] | None:
    """Return what a button means and the message that it is or was on.

    None for an id that is none of ours, and for what cannot be read: what it is about, nobody here knows.
    """
    async with tx.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute("SELECT choice, outbox_id FROM outbox_buttons WHERE id = %s", [button_id])
        found = await cursor.fetchone()
    if found is None:
        return None
    choice, outbox_id = found
    row = await _row(tx, "id = %s", [outbox_id])
    if row is None:
        return None
    try:
        return _CHOICE.validate_python(choice), row
    except ValueError as error:
        log.error("button.unreadable", key=row.key, chat_id=row.chat_id, error=type(error).__name__)  # noqa: TRY400
        return None


async def _insert(
    tx: Connection,
    *,
    key: str,
    place: Place,
    content: Outgoing,
    solicited: bool,
    session_id: SessionId | None,
    run_number: int | None,
    approval_id: ApprovalId | None,
    token: int | None = None,
) -> AsyncCursor[TupleRow]:
    """Write a row; there is a result if it is new. With a lease it is taken at once, where nothing goes before it."""
    return await tx.execute(
        f"""
        WITH place AS (
            -- By the primary keys of both tables.
            SELECT coalesce(chat.moved_to, %(chat_id)s) AS chat_id,
                   CASE WHEN chat.moved_to IS NULL AND topic.gone_at IS NULL THEN %(thread_id)s::bigint END
                       AS thread_id,
                   CASE WHEN chat.moved_to IS NULL THEN coalesce(chat.state, 'open') ELSE 'open' END AS state
              FROM (VALUES (1)) AS one
              LEFT JOIN telegram_chats chat ON chat.chat_id = %(chat_id)s
              LEFT JOIN telegram_topics topic
                ON topic.chat_id = %(chat_id)s AND topic.thread_id = %(thread_id)s
        ), written AS (
            INSERT INTO outbox (key, chat_id, thread_id, session_id, run_number, approval_id, content,
                                solicited, status, attempts, due_at, error)
            SELECT %(key)s, chat_id, thread_id, %(session_id)s, %(run_number)s, %(approval_id)s, %(content)s,
                   %(solicited)s,
                   CASE WHEN state = 'gone' OR (state = 'blocked' AND %(fleeting)s) THEN 'dropped'
                        WHEN taken THEN 'sending' ELSE 'pending' END,
                   taken::int,
                   CASE WHEN state = 'blocked' THEN 'infinity' WHEN taken THEN clock_timestamp() ELSE now() END,
                   CASE WHEN state = 'open' THEN NULL ELSE 'the chat is ' || state END
              FROM place
                   -- Without OFFSET it would be looked up wherever it is asked for.
                   CROSS JOIN LATERAL (SELECT {_NOT_TAKEN if token is None else _TAKEN_IF_FREE} AS taken OFFSET 0) AS _
            ON CONFLICT (key) DO NOTHING
            RETURNING id, chat_id, thread_id, created_at, CASE WHEN status = 'sending' THEN due_at END AS taken_at
        ), buttons AS (
            INSERT INTO outbox_buttons (id, outbox_id, choice)
            SELECT button.id, written.id, button.choice
              FROM written, unnest(%(button_ids)s::text[], %(choices)s::jsonb[]) AS button (id, choice)
        )
        SELECT id, chat_id, thread_id, created_at, taken_at FROM written
        """,
        {
            "token": token,
            "key": key,
            "chat_id": place.chat_id,
            "thread_id": place.thread_id,
            "session_id": session_id,
            "run_number": run_number,
            "approval_id": approval_id,
            "content": storable_json(_dumped(content)),
            "solicited": solicited,
            # What means nothing by the time that the chat opens again.
            "fleeting": key.startswith(PROGRESS) or isinstance(content, Toast),
            **_choices(content),
        },
    )


async def _row(tx: Connection, condition: str, parameters: list[Any]) -> Row | None:
    record = await _record(tx, condition, parameters)
    return read(record) if record is not None else None


async def _locked(tx: Connection, key: str) -> dict[str, Any] | None:
    return await _record(tx, "key = %s FOR NO KEY UPDATE", [key])


async def _record(tx: Connection, condition: str, parameters: list[Any]) -> dict[str, Any] | None:
    async with tx.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(f"SELECT {COLUMNS} FROM outbox WHERE {condition}", parameters)
        return await cursor.fetchone()


async def _change(tx: Connection, record: dict[str, Any], content: Outgoing, *, solicited: bool) -> None:
    await tx.execute(
        """
        WITH changed AS (
            UPDATE outbox
               SET content = %(content)s, revision = revision + 1, solicited = %(solicited)s,
                   status = CASE WHEN status = 'dropped' AND chats.state = 'open' THEN 'pending' ELSE status END,
                   -- Where the chat is open, only what could not be read waits for ever: see `dispatch.take`.
                   due_at = CASE WHEN due_at < 'infinity' OR chats.state <> 'open' THEN due_at
                                 WHEN status = 'sending' THEN created_at ELSE now() END
              FROM (SELECT coalesce((SELECT state FROM telegram_chats WHERE chat_id = %(chat_id)s), 'open')
                        AS state) AS chats
             WHERE id = %(id)s
        )
        INSERT INTO outbox_buttons (id, outbox_id, choice)
        SELECT button.id, %(id)s, button.choice
          FROM unnest(%(button_ids)s::text[], %(choices)s::jsonb[]) AS button (id, choice)
        ON CONFLICT (id) DO NOTHING
        """,
        {
            "id": record["id"],
            "chat_id": record["chat_id"],
            "content": storable_json(_dumped(content)),
            "solicited": solicited,
            **_choices(content),
        },
    )


def _dumped(content: Outgoing) -> dict[str, Any]:
    return content.model_dump(mode="json", exclude_none=True)


def _choices(content: Outgoing) -> dict[str, list[Any]]:
    """Return the parameters that the rows of a message's buttons are written with."""
    buttons = [button for button in _buttons(content) if button.choice is not None]
    return {
        "button_ids": [button.id for button in buttons],
        "choices": [
            storable_json(button.choice.model_dump(mode="json")) for button in buttons if button.choice
        ],
    }


def _buttons(content: Outgoing) -> list[Button]:
    return [] if isinstance(content, Toast) else [button for line in content.buttons for button in line]


def _ids_by_meaning(content: Outgoing) -> dict[str, str]:
    return {_meaning(button): button.id for button in _buttons(content) if button.choice is not None}


def _meaning(button: Button) -> str:
    assert button.choice is not None  # noqa: S101
    return button.choice.model_dump_json()


def _with_ids(content: Outgoing, known: dict[str, str]) -> Outgoing:
    """Return the content with an id for every button that is a choice."""
    if isinstance(content, Toast) or not content.buttons:
        return content
    lines = [
        [
            button
            if button.choice is None
            # 16 characters of the 64 bytes that callback data may have.
            else button.model_copy(update={"id": known.get(_meaning(button)) or secrets.token_urlsafe(12)})
            for button in line
        ]
        for line in content.buttons
    ]
    return content.model_copy(update={"buttons": lines})
