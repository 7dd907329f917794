"""What is said when nothing is done: a greeting, a thank you, and that something was not understood."""

from __future__ import annotations

from graph.conversation.replies import Reply, Text
from graph.conversation.sentences import SmallTalk
from shared.ledger.users import Role, User


def greeting(user: User, model: str | None) -> Reply:
    """Begin a conversation.

    Args:
        user: Who is greeted.
        model: The configured `provider:model`, if any.
    """
    return Reply.saying(
        "Hello. Describe a service, and I plan, build, test and deploy it; "
        "I ask before what matters. For example: “Create a web service called hello”. "
        f"/help lists what can be said. {_about_model(user, model)}"
    )


def answer(talk: SmallTalk) -> Reply:
    """Answer what asks for nothing."""
    match talk:
        case SmallTalk.GREETING:
            return Reply.saying("Hello. What shall I build? /help lists what can be said.")
        case SmallTalk.THANKS:
            return Reply.saying("You are welcome.")


def not_understood(user: User, model: str | None) -> Reply:
    """Say what could be said instead.

    Args:
        user: Who was not understood.
        model: The configured `provider:model`, if any.
    """
    return Reply.saying(
        "I did not understand that, and did nothing. I can build a project from a blueprint, deploy it, "
        "roll it back, stop, start and remove it, and say how it is. "
        "For example: “Create a web service called hello”, or “What is running?” /help lists everything.",
        Text(text=_about_model(user, model)),
    )


def _about_model(user: User, model: str | None) -> str:
    """Say what is understood; how that is changed, to the one who can."""
    if model is None:
        known = (
            "No model is configured, so I understand commands and a small set of sentences, and build "
            "from blueprints only."
        )
        if user.role is not Role.OWNER:
            return known
        return f"{known} To configure one, set MODEL=provider:model and start again."
    return f"MODEL is {model}; sentences are still understood without it."
