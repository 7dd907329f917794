"""The button that stops an answer while it is written."""

from __future__ import annotations

from aiogram import Router
from aiogram.types import MessageGenerationStopped

from bot.drafts import Drafts


def stops(drafts: Drafts) -> Router:
    """Return the router of stopped answers; one that has ended meanwhile needs no stopping."""
    router = Router(name="stops")

    @router.stopped_message_generation()
    async def stopped(stop: MessageGenerationStopped) -> None:
        """Stop what is being written."""
        drafts.stop(stop.chat.id, stop.draft_id)

    return router
