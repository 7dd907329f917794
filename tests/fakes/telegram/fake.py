"""The fake Telegram in this process: an HTTP server on a loopback port, and what tests do with it."""

from __future__ import annotations

import secrets
from types import TracebackType
from typing import Self

from tests.fakes.telegram import groups, observations, validation  # noqa: F401 - two fill the table of actions
from tests.fakes.telegram.actions import ACTIONS
from tests.fakes.telegram.errors import Value
from tests.fakes.telegram.front import Telegram
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.server import Server
from tests.fakes.telegram.world import World

BOT_ID = 7_000_000_001


class FakeTelegram(Telegram):
    """Telegram's servers on `127.0.0.1`, in the running event loop.

    Args:
        limits: Switch flood limits on.
        validate: Hold every answer and update against aiogram's types; off where speed matters.
        private_topics: Whether private chats have topics.
        bot_name: The bot's first name, which transcripts show.
        username: The bot's @name.
        token: The bot's token; a new one unless given.
        port: Where to listen; any free port unless given.
    """

    def __init__(
        self,
        *,
        limits: bool = False,
        validate: bool = True,
        private_topics: bool = True,
        bot_name: str = "Bot",
        username: str = "telewright_bot",
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self.token = token or f"{BOT_ID}:{secrets.token_urlsafe(26)[:35]}"
        me = {
            "id": int(self.token.split(":")[0]),
            "is_bot": True,
            "first_name": bot_name,
            "username": username,
        }
        self.world = World(
            self.token, me, validate=validate, private_topics=private_topics, limits=Limits(on=limits)
        )
        self.url = ""
        self._server = Server(self.world, port)

    def act(self, name: str, /, **params: Value) -> Value:
        """Do an action on the server's state."""
        return ACTIONS[name](self.world, **params)

    async def start(self) -> None:
        """Listen; `url` is known from now on."""
        if self.world.validate:
            validation.prepare()
        self.url = await self._server.start()

    async def stop(self) -> None:
        """Stop listening; connections are closed."""
        await self._server.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if kind is None:
            self.check()

    async def _changed(self, timeout_s: float) -> None:
        await self.world.changed(timeout_s)
