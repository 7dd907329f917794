"""One thing to show, and the row that it is made of: a turn of the session, or an event of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import structlog

from graph.conversation import texts
from graph.conversation.narration import narrate
from graph.conversation.replies import Link, Reply
from shared.ids import RunId, SessionId, UserId
from shared.ledger import events
from shared.ledger.events import Event
from shared.ledger.runs import Run

ENDS: Final = frozenset({events.RUN_SUCCEEDED, events.RUN_FAILED, events.RUN_CANCELLED, events.RUN_TIMED_OUT})
"""The types of the events that a run ends with."""
ENDS_WITHOUT_RESULT: Final = ENDS - {events.RUN_SUCCEEDED}
"""Those in which nothing stands of what the run has worked on."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One thing to show."""

    key: str
    """Stable: the same thing has the same key for every reader, and for ever."""
    reader: str
    session_id: SessionId
    author: Literal["person", "telewright"]
    user_id: UserId | None
    """Who said it; for an answer, whom it answers."""
    text: str
    """What a person said; empty otherwise."""
    reply: Reply | None
    """What Telewright says; None for what a person said."""
    run_id: RunId | None
    """The run whose event it is; None for a turn."""
    position: int
    ends_run: bool
    at: datetime
    inbox_id: int | None = None
    """The message that a turn is, or answers; None for a greeting and for what a run tells."""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A turn or an event, as one query returns both."""

    run_id: RunId | None
    seq: int
    type: str
    """An event's type, or who said a turn."""
    user_id: UserId | None
    body: dict[str, Any]
    trace_id: str
    created_at: datetime
    inbox_id: int | None


def answer_item(
    session_id: SessionId, seq: int, reply: Reply, *, to: UserId, inbox_id: int, at: datetime
) -> FeedItem:
    """Return an answer that is being given as the thing to show that readers will find.

    Args:
        session_id: Where it is given.
        seq: The number of its turn.
        reply: What is answered.
        to: Whom.
        inbox_id: The message that it answers.
        at: When it is given.
    """
    return FeedItem(
        key=turn_key(session_id, seq),
        reader="",
        session_id=session_id,
        author="telewright",
        user_id=to,
        text="",
        reply=reply,
        run_id=None,
        position=seq,
        ends_run=False,
        at=at,
        inbox_id=inbox_id,
    )


def turn_key(session_id: SessionId, seq: int) -> str:
    """Name a turn, for every reader and for ever."""
    return f"turn:{session_id}:{seq}"


def item_of(
    reader: str, session_id: SessionId, row: FeedRow, run: Run | None, links: Sequence[Link] = ()
) -> FeedItem | None:
    """Return a row as a thing to show, or nothing when it says nothing to a person.

    What cannot be read, as another version may have written it, is a thing that says so: whoever
    shows it gets past it, and so to what was said since. Of a run that cannot be read itself, only
    the end is such a thing.

    Args:
        reader: Who reads.
        session_id: What is read.
        row: The row.
        run: Whose event it is; None for a turn, and for a run that cannot be read.
        links: Where people look at its project, for an end that says nothing of that itself.
    """
    key = f"event:{row.run_id}:{row.seq}" if row.run_id else turn_key(session_id, row.seq)
    is_persons = row.run_id is None and row.type == "person"
    text, reply = "", None
    try:
        if is_persons:
            text = _said(row.body)
        else:
            reply = _told(row, run, links)
            if reply is None:
                return None
    except Exception:
        log.exception("item.unreadable", key=key)
        if is_persons:
            text = texts.sessions.UNREADABLE
        else:
            reply = Reply.saying(texts.sessions.UNREADABLE).model_copy(
                update={"run_number": run.number if run else None}
            )
    return FeedItem(
        key=key,
        reader=reader,
        session_id=session_id,
        author="person" if is_persons else "telewright",
        user_id=row.user_id,
        text=text,
        reply=reply,
        run_id=row.run_id,
        position=row.seq,
        ends_run=row.type in ENDS,
        at=row.created_at,
        inbox_id=row.inbox_id,
    )


def _told(row: FeedRow, run: Run | None, links: Sequence[Link]) -> Reply | None:
    if row.run_id is None:
        return Reply.model_validate(row.body)
    if run is None:
        return Reply.saying(texts.sessions.UNREADABLE) if row.type in ENDS else None
    return narrate(Event(run.id, row.seq, row.type, row.body, row.trace_id, row.created_at), run, links)


def _said(body: dict[str, Any]) -> str:
    """Return a person's turn as a line: the text, or the button that was pressed, and the files' names."""
    decision = body.get("decision")
    if not isinstance(decision, dict):
        files = "".join(f" [{file['name']}]" for file in body.get("attachments", ()))
        return f"{body.get('text', '')}{files}".strip()
    return " ".join(str(decision[key]) for key in ("choice", "text") if decision.get(key))
