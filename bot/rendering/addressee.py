"""Whom an answer is for, where several people read it."""

from __future__ import annotations

from dataclasses import dataclass

from aiogram.types import User
from aiogram.utils.formatting import Text as Node
from aiogram.utils.formatting import TextMention

from bot import texts
from bot.rendering.text import cut, isolated, one_line, visible
from graph.conversation.replies import Reply, Text

_NAME = 64
"""UTF-16 code units of a name."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """The person in a group whom an answer is for."""

    user_id: int
    name: str
    message_id: int | None
    """What they said, if it was a message."""


def mention(to: Addressee) -> Node:
    """Return the person's name as a mention: who is named is asked, and notified."""
    name = cut(one_line(to.name), _NAME)
    name = isolated(name) if visible(name) else texts.YOU
    return TextMention(name, user=User(id=to.user_id, is_bot=False, first_name=name))


def saying_how(reply: Reply, *, in_group: bool) -> Reply:
    """Return a reply that asks for a comment with the sentence that says how it is given here."""
    if reply.awaited is None:
        return reply
    how = (texts.as_reply if in_group else texts.as_next_message)(reply.awaited.way_out)
    match reply.blocks:
        case [*before, Text(text=text)]:
            blocks = [*before, Text(text=f"{text} {how}")]
        case blocks:
            blocks = [*blocks, Text(text=how)]
    return reply.model_copy(update={"blocks": blocks})
