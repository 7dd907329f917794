"""The way in: updates of people who are let in are stored before Telegram is told that they arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiogram.types import Update

from bot.access import Access
from shared.database import Database


class Reception:
    """Takes in what Telegram delivers, each update once."""

    def __init__(self, database: Database, access: Access, *, wake: Callable[[], None]) -> None:
        """Put it together.

        Args:
            database: Where the inbox is.
            access: Who is let in.
            wake: Called after something new was stored; `Handling.wake` where this process handles.
        """
        self._database = database
        self._access = access
        self._wake = wake

    async def take(self, updates: Sequence[Update]) -> None:
        """Store updates; when this returns, Telegram may forget them.

        The same update again changes nothing.

        Raises:
            psycopg.OperationalError, PoolTimeout: The database is away; nothing was stored.
        """
        raise NotImplementedError
