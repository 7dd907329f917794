"""Where the bot is let in and put out."""

from __future__ import annotations

from collections.abc import Callable

from aiogram import Router
from aiogram.types import ChatMemberUpdated

from bot.arrived import Arrived
from bot.chats import ChatState, is_group
from bot.hearing import Hearing
from bot.membership import follow
from shared.database import Database


def membership(database: Database, hearing: Hearing, *, wake_sender: Callable[[int], None]) -> Router:
    """Return the router of the bot's own membership in chats."""
    router = Router(name="membership")

    @router.my_chat_member()
    async def changed(change: ChatMemberUpdated, arrived: Arrived) -> None:
        """Send what has waited, or let it wait; say once in a group how it works."""
        async with database.transaction() as tx:
            state = await follow(tx, change)
        if state is ChatState.OPEN:
            wake_sender(change.chat.id)
            if is_group(change.chat.id):
                await hearing.begin(arrived)

    return router
