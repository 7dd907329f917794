"""What is said when nothing is done: a greeting, a thank you, and that something was not understood."""

from __future__ import annotations

from graph.conversation import texts
from graph.conversation.replies import Reply, Text
from graph.conversation.sentences import SmallTalk
from graph.conversation.texts.words import paragraph
from shared.ledger.users import Role, User


def greeting(user: User, model: str | None) -> Reply:
    """Begin a conversation.

    Args:
        user: Who is greeted.
        model: The configured `provider:model`, if any.
    """
    return Reply.saying(texts.sessions.greeting(_about_model(user, model)))


def answer(talk: SmallTalk) -> Reply:
    """Answer what asks for nothing."""
    match talk:
        case SmallTalk.GREETING:
            return Reply.saying(texts.sessions.HELLO)
        case SmallTalk.THANKS:
            return Reply.saying(texts.sessions.WELCOME)


def not_understood(user: User, model: str | None) -> Reply:
    """Say what could be said instead.

    Args:
        user: Who was not understood.
        model: The configured `provider:model`, if any.
    """
    return Reply.saying(texts.sessions.NOT_UNDERSTOOD, Text(text=_about_model(user, model)))


def _about_model(user: User, model: str | None) -> str:
    """Say what is understood; how that is changed, to the one who can."""
    if model is not None:
        return texts.sessions.model(model)
    if user.role is not Role.OWNER:
        return texts.sessions.NO_MODEL
    return paragraph(texts.sessions.NO_MODEL, texts.sessions.TO_CONFIGURE_MODEL)
