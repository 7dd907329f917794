"""Whether something said in Telegram is said to the bot, and what is left of it without the address.

In a private chat everything is, and in a topic that is a session of ours everything but what is
said to somebody else there: a reply to a person's message, or one that names another. In other
places people talk to one another: only a command, a reply to one of our messages and a mention count.
Telegram's privacy mode (https://core.telegram.org/bots/features#privacy-mode) keeps most of the
rest from us anyway, but not from a bot that is an administrator, as it must be to open topics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiogram.enums import ChatType, MessageEntityType
from aiogram.types import Message, MessageOriginChannel, MessageOriginChat, MessageOriginHiddenUser
from aiogram.types import User as Bot

from graph.conversation import COMMANDS, changes_something

_COMMAND = re.compile(r"/(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:@(?P<bot>\w+))?(?P<rest>\s.*)?", re.DOTALL)

_OURS = frozenset(command.name for command in COMMANDS)

_HARMLESS = frozenset({"new"})
"""What asks before it changes anything."""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said to the bot."""

    text: str
    doubtful: bool = False
    """Whether it may have been meant for another bot, and would change something."""
    by_name: bool = False
    """Whether it mentions the bot, so that it is for nobody else."""


def addressed(message: Message, me: Bot, *, ours: bool) -> Said | None:
    """Return what a message says to the bot, or nothing when it is not for it.

    Args:
        message: A text, or something with a caption.
        me: The bot, as `getMe` describes it.
        ours: Whether it was said where everything is for us, besides private chats.
    """
    text = (message.text or message.caption or "").strip()
    private = message.chat.type == ChatType.PRIVATE
    if command := _COMMAND.fullmatch(text):
        return _command(command, me, ours=private or ours or replies_to(message, me))
    by_name = _mentions(message, me)
    if private or by_name or replies_to(message, me):
        return Said(_without_mention(text, me), by_name=by_name)
    return Said(text) if ours and not _is_for_somebody_else(message) else None


def replies_to(message: Message, me: Bot) -> bool:
    """Whether a message replies to one of the bot's.

    Everything in a topic replies to the message that opened it, which says nothing. In a plain
    supergroup a reply names the message that it replies to as its thread as well.
    """
    before = message.reply_to_message
    if before is None or before.from_user is None or before.from_user.id != me.id:
        return False
    opens_topic = bool(message.is_topic_message) and before.message_id == message.message_thread_id
    return before.forum_topic_created is None and not opens_topic


def forwarded_from(message: Message) -> str | None:
    """Return whose words a message passes on, or nothing when they are its sender's own."""
    match message.forward_origin:
        case None:
            return None
        case MessageOriginHiddenUser(sender_user_name=name):
            return name
        case MessageOriginChat(sender_chat=chat) | MessageOriginChannel(chat=chat):
            return chat.title or chat.full_name
        case origin:
            return origin.sender_user.full_name


def _command(command: re.Match[str], me: Bot, *, ours: bool) -> Said | None:
    """Read a command: one for another bot is none of ours, one without a name may be anybody's.

    Telegram's menu leaves the name away where there is only one bot, and people do so anyway.
    """
    said = f"/{command['name']}{command['rest'] or ''}"
    if command["bot"]:
        return Said(said) if command["bot"].lower() == (me.username or "").lower() else None
    if ours:
        return Said(said)
    name = command["name"].lower()
    if name not in _OURS:
        return None
    return Said(said, doubtful=changes_something(said) and name not in _HARMLESS)


def _is_for_somebody_else(message: Message) -> bool:
    """Whether a message among people, which neither replies to us nor names us, is for one of them."""
    before = message.reply_to_message
    if before is not None and before.message_id != message.message_thread_id:
        return True
    text = message.text or message.caption or ""
    named = {MessageEntityType.MENTION, MessageEntityType.TEXT_MENTION}
    # Telegram marks only names that there can be; people write others as well.
    return text.lstrip().startswith("@") or any(
        entity.type in named for entity in message.entities or message.caption_entities or ()
    )


def _mentions(message: Message, me: Bot) -> bool:
    text = message.text or message.caption or ""
    for entity in message.entities or message.caption_entities or ():
        match entity.type:
            case MessageEntityType.MENTION:
                if entity.extract_from(text).lower() == f"@{me.username}".lower():
                    return True
            case MessageEntityType.TEXT_MENTION:
                if entity.user is not None and entity.user.id == me.id:
                    return True
            case _:
                pass
    return False


def _without_mention(text: str, me: Bot) -> str:
    """Take the bot's name away where it only says who is meant: before a sentence, or behind it."""
    name = re.escape(f"@{me.username}")
    return re.sub(rf"^\s*{name}\b[\s,:;–—-]*|[\s,]*{name}(?=\W*$)", "", text, flags=re.IGNORECASE).strip()  # noqa: RUF001
