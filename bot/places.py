"""Where in Telegram something was said: a chat, or one topic of it. Each is a session of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

from aiogram.types import InaccessibleMessage, Message, Update

FRONT: Final = "telegram"
"""The front's name in the inbox and of its sessions."""

READER: Final = "telegram"
"""The name under which the front reads the feed."""


@dataclass(frozen=True, slots=True)
class Place:
    """A chat, or a topic in it."""

    chat_id: int
    thread_id: int | None = None
    """The topic; None for the chat itself, which in a forum is its general topic."""

    @property
    def external_key(self) -> str:
        """What the place's session is found by."""
        return f"{self.chat_id}:{self.thread_id or 0}"

    @property
    def in_group(self) -> bool:
        """Whether more than one person is there; Telegram gives groups negative ids."""
        return self.chat_id < 0

    @classmethod
    def parse(cls, external_key: str) -> Self:
        """Return the place of a session of this front.

        Raises:
            ValueError: It is no key of this front.
        """
        chat, thread = external_key.split(":")
        return cls(int(chat), int(thread) or None)


def place_of(update: Update) -> Place | None:
    """Return where an update belongs, or None for what happens in no chat with the bot.

    A pressed button whose message Telegram no longer shows has lost its topic, and belongs to the chat.
    """
    if message := update.message or update.edited_message:
        return place_of_message(message)
    if update.callback_query and (pressed := update.callback_query.message):
        if isinstance(pressed, InaccessibleMessage):
            return Place(pressed.chat.id)
        return place_of_message(pressed)
    if member := update.my_chat_member:
        return Place(member.chat.id)
    if stopped := update.stopped_message_generation:
        return Place(stopped.chat.id, stopped.message_thread_id)
    return None


def place_in(message: dict[str, Any]) -> Place:
    """Return where a message was said, as the Bot API writes it: also one that cannot be parsed otherwise."""
    return Place(
        message["chat"]["id"], message.get("message_thread_id") if message.get("is_topic_message") else None
    )


def place_of_message(message: Message) -> Place:
    """Return where a message was said."""
    # Replies in a group without topics have a thread as well, which is no topic.
    return Place(message.chat.id, message.message_thread_id if message.is_topic_message else None)
