"""What stands in the inbox is handled: in order per session, sessions beside one another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiogram import Bot

from bot.arrived import Arrived
from shared.database import Database


class Handling:
    """Gives what is not handled yet to a handler, and sets aside what cannot be handled."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        handle: Callable[[Arrived], Awaitable[None]],
        *,
        wake_sender: Callable[[int], None],
    ) -> None:
        """Put it together.

        Args:
            database: Where the inbox is.
            bot: What updates are bound to.
            handle: Does what an update asks. It may be given the same one again after a crash.
            wake_sender: Called with a chat's id after something for it was written to the outbox.
        """
        self._database = database
        self._bot = bot
        self._handle = handle
        self._wake_sender = wake_sender

    def wake(self) -> None:
        """Look at the inbox now."""
        raise NotImplementedError

    async def run(self) -> None:
        """Handle what comes, until cancelled."""
        raise NotImplementedError
