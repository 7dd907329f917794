"""The filter of what is said to us."""

from __future__ import annotations

from aiogram import Bot
from aiogram.filters import Filter
from aiogram.types import Message

from bot import edits
from bot.addressing import Said, addressed
from bot.arrived import Arrived
from bot.topics import Topics
from shared.database import Database


class ForUs(Filter):
    """Lets pass what is said to the bot, as `said`; what people say to one another is none of its business."""

    def __init__(self, database: Database, topics: Topics) -> None:
        """Make it.

        Args:
            database: Where newer versions of a message may wait.
            topics: Know where everything is said to us.
        """
        self._database = database
        self._topics = topics

    async def __call__(self, message: Message, arrived: Arrived, bot: Bot) -> dict[str, Said] | bool:
        """Return what is said to us, if anything is."""
        newest = await edits.newest(self._database, arrived, message)
        ours = await self._topics.is_ours(arrived.place, arrived.session_id)
        said = addressed(newest, await bot.me(), ours=ours)
        return {"said": said} if said is not None else False
