"""Long polling that asks for the next updates only when the last ones are stored."""

from __future__ import annotations

from aiogram import Bot

from bot.reception import Reception


class Polling:
    """Fetches updates from Telegram. One process at a time may do so."""

    def __init__(self, bot: Bot, reception: Reception) -> None:
        """Put it together.

        Args:
            bot: Whose updates are fetched.
            reception: Where they are stored.
        """
        self._bot = bot
        self._reception = reception

    async def run(self) -> None:
        """Fetch and store, until cancelled."""
        raise NotImplementedError
