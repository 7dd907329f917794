"""What Telegram's refusals mean.

The Bot API gives most reasons as English text alone, so that text is what there is to go by:
https://core.telegram.org/bots/api#making-requests. What is not known here counts as a refusal of
the content, for which there are plainer ways to say it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
)
from aiogram.methods import SendMessage, SendRichMessage
from aiohttp import ClientConnectorError


class Refusal(StrEnum):
    """What a definite no is about."""

    NOT_MODIFIED = "not modified"
    """The message stands there as it should."""
    MESSAGE_LOST = "message lost"
    """The message is gone, too old, somebody else's, or of a kind that cannot be edited so."""
    CHAT_BLOCKED = "chat blocked"
    """Nobody wants to hear from the bot there now; that may change."""
    CHAT_GONE = "chat gone"
    """There is no such chat, or the bot is no part of it."""
    TOPIC_GONE = "topic gone"
    """The topic was deleted or closed."""
    REPLY_GONE = "reply gone"
    """The message that is answered was deleted."""
    LINK = "link"
    """A button's address is none that Telegram opens."""
    QUERY_OLD = "query old"
    """The press of the button was too long ago."""
    METHOD = "method"
    """This server does not know the method."""
    CONTENT = "content"
    """Anything else about what was to be said."""


_NO_RIGHTS: Final = "not enough rights to send"

_TEXTS: Final = (
    ("message is not modified", Refusal.NOT_MODIFIED),
    ("message_not_modified", Refusal.NOT_MODIFIED),
    ("message to edit not found", Refusal.MESSAGE_LOST),
    ("message can't be edited", Refusal.MESSAGE_LOST),
    ("message_id_invalid", Refusal.MESSAGE_LOST),
    ("message_edit_time_expired", Refusal.MESSAGE_LOST),
    ("message_author_required", Refusal.MESSAGE_LOST),
    ("there is no text in the message to edit", Refusal.MESSAGE_LOST),
    ("there is no caption in the message to edit", Refusal.MESSAGE_LOST),
    ("message thread not found", Refusal.TOPIC_GONE),
    ("topic_deleted", Refusal.TOPIC_GONE),
    ("topic_closed", Refusal.TOPIC_GONE),
    ("message to be replied not found", Refusal.REPLY_GONE),
    ("message to reply not found", Refusal.REPLY_GONE),
    ("replied message not found", Refusal.REPLY_GONE),
    ("reply_message_id_invalid", Refusal.REPLY_GONE),
    ("query is too old", Refusal.QUERY_OLD),
    ("query id is invalid", Refusal.QUERY_OLD),
    ("query_id_invalid", Refusal.QUERY_OLD),
    ("button_url_invalid", Refusal.LINK),
    ("wrong http url", Refusal.LINK),
    ("blocked by the user", Refusal.CHAT_BLOCKED),
    ("can't initiate conversation", Refusal.CHAT_BLOCKED),
    (_NO_RIGHTS, Refusal.CHAT_BLOCKED),
    ("have no rights to send", Refusal.CHAT_BLOCKED),
    ("chat_send_plain_forbidden", Refusal.CHAT_BLOCKED),
    ("chat_send_docs_forbidden", Refusal.CONTENT),
    ("chat_write_forbidden", Refusal.CHAT_BLOCKED),
    ("chat_restricted", Refusal.CHAT_BLOCKED),
    ("chat not found", Refusal.CHAT_GONE),
    ("peer_id_invalid", Refusal.CHAT_GONE),
    ("user not found", Refusal.CHAT_GONE),
    ("user is deactivated", Refusal.CHAT_GONE),
    ("input_user_deactivated", Refusal.CHAT_GONE),
    ("group chat was deactivated", Refusal.CHAT_GONE),
    ("was kicked", Refusal.CHAT_GONE),
    ("is not a member", Refusal.CHAT_GONE),
    ("group chat was deleted", Refusal.CHAT_GONE),
    ("send messages to bots", Refusal.CHAT_GONE),
)


def refusal_of(error: TelegramAPIError) -> Refusal | None:
    """Return what a refusal is about; None if it is no definite refusal of this one call."""
    match error:
        case TelegramNotFound(method=SendRichMessage()):
            return Refusal.METHOD
        case TelegramEntityTooLarge():
            return Refusal.CONTENT
        case TelegramBadRequest() | TelegramForbiddenError():
            text = error.message.lower()
            if _NO_RIGHTS in text and not isinstance(error.method, SendMessage):
                # To send files, say: text may still be allowed.
                return Refusal.CONTENT
            known = next((refusal for part, refusal in _TEXTS if part in text), None)
            if known is not None:
                return known
            return Refusal.CHAT_GONE if isinstance(error, TelegramForbiddenError) else Refusal.CONTENT
        case _:
            return None


def never_arrived(error: TelegramAPIError) -> bool:
    """Return whether a call that failed cannot have had an effect.

    There was no connection to send it by, or nobody at its end who knows a method that every server
    has: a proxy in trouble, or a token that was taken back.
    """
    match error:
        case TelegramNotFound():
            return True
        case TelegramNetworkError():
            return isinstance(error.__cause__, ClientConnectorError)
        case _:
            return False
