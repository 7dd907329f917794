"""The comments that people were asked for: kept with the answers that ask, so that they survive restarts."""

from __future__ import annotations

from typing import Any

from graph.conversation import questions
from graph.conversation.messages import Message
from graph.conversation.replies import Awaited
from shared.database import Connection
from shared.ledger import sessions
from shared.ledger.sessions import Session
from shared.ledger.users import User

_TURNS_LOOKED_BACK = 500
"""Turns among which the newest answer to a person is found, whatever others said in between."""


async def comment_of(tx: Connection, session: Session, user: User) -> Awaited | None:
    """Return the comment that the newest answer to a person asks for."""
    return _parsed(await sessions.awaited(tx, session.id, user.id, since=_oldest(session)))


async def comment_prompted(tx: Connection, session: Session, user: User, message: Message) -> Awaited | None:
    """Return the comment whose prompt a message replies to, if this person was asked for it."""
    if not message.answers_prompt or message.about_approval is None:
        return None
    return _parsed(
        await sessions.awaited(tx, session.id, user.id, since=_oldest(session), on=message.about_approval)
    )


async def is_open(tx: Connection, awaited: Awaited) -> bool:
    """Whether the question that a comment belongs to may still be decided."""
    return bool(await questions.waiting(tx, approval_id=awaited.approval_id))


def _parsed(awaited: dict[str, Any] | None) -> Awaited | None:
    return Awaited.model_validate(awaited) if awaited else None


def _oldest(session: Session) -> int:
    return max(session.begun_after + 1, session.last_turn - _TURNS_LOOKED_BACK)
