"""A reply as rows of the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from bot import outbox
from bot.links import leading_to_projects
from bot.origins import Origin
from bot.outbox import Row
from bot.outgoing import Outgoing, Toast, Words
from bot.places import Place
from bot.rendering import Addressee, render
from graph.conversation import Reply
from shared.database import Connection
from shared.ids import SessionId


def contents_of(
    reply: Reply,
    place: Place,
    *,
    username: str,
    to: Addressee | None = None,
    reply_to: int | None = None,
    heard: bool = False,
) -> list[Outgoing]:
    """Return the messages that a reply becomes in a place.

    Args:
        reply: What is said.
        place: Where.
        username: The bot's, to which links lead.
        to: Whom it answers, in a group.
        reply_to: What it answers, where that is not plain though only two talk.
        heard: Whether it makes a sound, whatever it is.
    """
    first, *others = render(leading_to_projects(reply, username) if place.in_group else reply, to=to)
    if not isinstance(first, Toast):
        if to is None and reply_to is not None:
            first = first.model_copy(update={"reply_to": reply_to})
        if heard:
            first = first.model_copy(update={"silent": False})
    return [first, *others]


def addressee(origin: Origin | None, place: Place) -> Addressee | None:
    """Return whom an answer is for, where several people read it."""
    if origin is None or not place.in_group:
        return None
    return Addressee(origin.sender_id, origin.sender_name, origin.message_in(place))


def replied_to(origin: Origin | None, place: Place) -> int | None:
    """Return what an answer replies to also where only two talk: other things may be answered before it."""
    return origin.message_in(place) if origin is not None and origin.brings_file else None


async def put(
    tx: Connection,
    key: str,
    reply: Reply,
    contents: Sequence[Outgoing],
    *,
    place: Place,
    session_id: SessionId,
    solicited: bool = False,
    token: int | None = None,
) -> Row | None:
    """Write a reply's messages; only the one with the buttons, or the prompt, is the question's.

    Args:
        tx: The transaction that holds the reason for saying it.
        key: What it says, for ever the same.
        reply: What is said.
        contents: The messages that it becomes.
        place: Where.
        session_id: The conversation it belongs to.
        solicited: Whether somebody has just asked for it.
        token: The lease by which this process speaks, where the place is reserved.

    Returns:
        The first message's row, where it is to be sent now: see `outbox.put`.
    """
    taken = None
    for number, content in enumerate(contents):
        asks = not isinstance(content, Words) or bool(content.buttons) or content.prompt is not None
        row = await outbox.put(
            tx,
            key=key if number == 0 else f"{key}#{number}",
            place=place,
            content=content,
            solicited=solicited,
            session_id=session_id,
            run_number=reply.run_number,
            approval_id=reply.approval_id if asks else None,
            token=token if number == 0 else None,
        )
        taken = taken or row
    return taken
