"""Where the bot is let in and put out."""

from __future__ import annotations

from collections.abc import Callable

from aiogram import F, Router
from aiogram.filters import IS_MEMBER, JOIN_TRANSITION, LEAVE_TRANSITION, ChatMemberUpdatedFilter
from aiogram.types import ChatMemberRestricted, ChatMemberUpdated

from bot import chats
from bot.arrived import Arrived
from bot.hearing import Hearing
from shared.database import Database


def membership(database: Database, hearing: Hearing, *, wake_sender: Callable[[int], None]) -> Router:
    """Return the router of the bot's own membership in chats.

    In a private chat, to leave is to block the bot, and to join is to unblock it.
    """
    router = Router(name="membership")

    @router.my_chat_member(F.chat.type == "private", ChatMemberUpdatedFilter(LEAVE_TRANSITION))
    async def blocked(change: ChatMemberUpdated) -> None:
        """Let what is worth it wait."""
        async with database.transaction() as tx:
            await chats.blocked(tx, change.chat.id, "the bot was blocked by the user")

    @router.my_chat_member(F.chat.type == "private", ChatMemberUpdatedFilter(JOIN_TRANSITION))
    async def unblocked(change: ChatMemberUpdated) -> None:
        """Send what has waited."""
        await _open(change.chat.id)

    @router.my_chat_member(ChatMemberUpdatedFilter(IS_MEMBER), _may_write)
    async def let_write(change: ChatMemberUpdated, arrived: Arrived) -> None:
        """Send what has waited, whether it was just let in or allowed to write again; say once how it works."""
        await _open(change.chat.id)
        await hearing.begin(arrived)

    @router.my_chat_member(ChatMemberUpdatedFilter(LEAVE_TRANSITION))
    async def removed(change: ChatMemberUpdated) -> None:
        """Drop what was meant for it."""
        async with database.transaction() as tx:
            await chats.gone(tx, change.chat.id, "the bot was removed from the group")

    async def _open(chat_id: int) -> None:
        async with database.transaction() as tx:
            await chats.opened(tx, chat_id)
        wake_sender(chat_id)

    return router


def _may_write(change: ChatMemberUpdated) -> bool:
    member = change.new_chat_member
    return not isinstance(member, ChatMemberRestricted) or member.can_send_messages
