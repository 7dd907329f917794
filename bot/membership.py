"""What a change of the bot's own membership means for a chat."""

from __future__ import annotations

from aiogram.enums import ChatType
from aiogram.types import (
    ChatMemberAdministrator,
    ChatMemberMember,
    ChatMemberOwner,
    ChatMemberRestricted,
    ChatMemberUpdated,
)

from bot import chats
from bot.chats import ChatState
from shared.database import Connection


def state_after(change: ChatMemberUpdated) -> ChatState:
    """Return what the chat is after a change: open, blocked, or gone.

    In a private chat, to leave is to block the bot, and to join is to unblock it.
    """
    match change.new_chat_member:
        case ChatMemberRestricted(is_member=True, can_send_messages=allowed):
            return ChatState.OPEN if allowed else ChatState.BLOCKED
        case ChatMemberOwner() | ChatMemberAdministrator() | ChatMemberMember():
            return ChatState.OPEN
        case _:
            return ChatState.BLOCKED if change.chat.type == ChatType.PRIVATE else ChatState.GONE


async def follow(tx: Connection, change: ChatMemberUpdated) -> ChatState:
    """Note what has changed; what waited for an open chat is due, and what nobody will read is dropped.

    Returns:
        What the chat is now.
    """
    match state := state_after(change):
        case ChatState.OPEN:
            await chats.opened(tx, change.chat.id)
        case ChatState.BLOCKED:
            await chats.blocked(tx, change.chat.id, "the bot may not write there")
        case ChatState.GONE:
            await chats.gone(tx, change.chat.id, "the bot was removed from the group")
    return state
