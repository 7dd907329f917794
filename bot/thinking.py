"""`typing …` in a chat while an answer takes its time: best effort, and never in the answer's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiogram import Bot
from aiogram.exceptions import AiogramError

from bot.places import Place

_PATIENCE_S = 0.3
"""What takes less needs no sign."""

_SHOWN_S = 4.0
"""Clients show an action for five seconds (https://core.telegram.org/bots/api#sendchataction)."""


@asynccontextmanager
async def thinking(bot: Bot, place: Place, *, patience_s: float = _PATIENCE_S) -> AsyncIterator[None]:
    """Show that something is being done there, until the block is left."""
    showing = asyncio.create_task(_show(bot, place, patience_s), name="thinking")
    try:
        yield
    finally:
        # A call that is under way is broken off: the answer does not wait for it.
        showing.cancel()
        await asyncio.wait([showing])


async def _show(bot: Bot, place: Place, patience_s: float) -> None:
    await asyncio.sleep(patience_s)
    while True:
        try:
            await bot.send_chat_action(place.chat_id, "typing", message_thread_id=place.thread_id)
        except AiogramError:
            return
        await asyncio.sleep(_SHOWN_S)
