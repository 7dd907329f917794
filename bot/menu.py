"""The menu of commands and the bot's description: set where they differ, best effort.

Everybody sees what a viewer may say; who may say more gets a menu for the private
chat with them. A server that refuses, or lacks a method, stops nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Final, TypeVar

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeUnion,
)

from bot import texts
from graph.conversation import COMMANDS, Command
from shared.database import Database
from shared.ledger.users import Role
from shared.outages import outlast

T = TypeVar("T")

_LONGEST = 256
"""Characters of a command's description (https://core.telegram.org/bots/api#botcommand)."""

_HIGHER: Final = (Role.VIEWER, Role.OPERATOR, Role.OWNER)

log = structlog.get_logger()


class Menu:
    """What Telegram's clients list behind `/`, for everybody and for single people."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._shown: dict[int, Role] = {}
        """The role for which a person's menu was set, by the chat with them."""
        self._setting: set[asyncio.Task[None]] = set()

    async def put_up(self, database: Database) -> None:
        """Set everything that differs from what Telegram has: when the bot starts to speak."""
        await self._describe()
        await self._list(BotCommandScopeAllPrivateChats(), Role.VIEWER)
        await self._list(BotCommandScopeAllGroupChats(), Role.OPERATOR)
        for chat_id, role in await outlast(lambda: _people(database)):
            await self._show(chat_id, role)

    async def follow(self, database: Database) -> None:
        """Set the menus of those whose role is another by now, and take away those of whoever was let go."""
        people = dict(await outlast(lambda: _people(database)))
        for chat_id, role in people.items():
            self.meet(chat_id, role)
        for chat_id in self._shown.keys() - people.keys():
            del self._shown[chat_id]
            self._set(self._take_away(chat_id))

    def meet(self, chat_id: int, role: Role) -> None:
        """Set a person's menu in the background, if their role is not the one it was set for.

        Args:
            chat_id: The private chat with them.
            role: What they are now.
        """
        if self._shown.get(chat_id) is not role:
            self._set(self._show(chat_id, role))
            self._shown[chat_id] = role

    async def close(self) -> None:
        """Leave off what is being set: whoever speaks next begins with `put_up`."""
        setting = list(self._setting)
        for task in setting:
            task.cancel()
        if setting:
            await asyncio.wait(setting)

    def _set(self, change: Coroutine[None, None, None]) -> None:
        """Make a change in the background: whoever has caused it need not wait for Telegram."""
        task = asyncio.create_task(change, name="menu.set")
        self._setting.add(task)
        task.add_done_callback(self._setting.discard)

    async def _take_away(self, chat_id: int) -> None:
        await _tried(self._bot.delete_my_commands(BotCommandScopeChat(chat_id=chat_id)))

    async def _show(self, chat_id: int, role: Role) -> None:
        self._shown[chat_id] = role
        await self._list(BotCommandScopeChat(chat_id=chat_id), role)

    async def _list(self, scope: BotCommandScopeUnion, role: Role) -> None:
        wanted = menu_of(COMMANDS, role)
        there = await _tried(self._bot.get_my_commands(scope))
        # Aiogram's objects are equal only where they are bound to the same bot.
        if there is None or [one.model_dump() for one in there] != [one.model_dump() for one in wanted]:
            await _tried(self._bot.set_my_commands(wanted, scope))

    async def _describe(self) -> None:
        description = await _tried(self._bot.get_my_description())
        if description is None or description.description != texts.DESCRIPTION:
            await _tried(self._bot.set_my_description(texts.DESCRIPTION))
        short = await _tried(self._bot.get_my_short_description())
        if short is None or short.short_description != texts.SHORT_DESCRIPTION:
            await _tried(self._bot.set_my_short_description(texts.SHORT_DESCRIPTION))


def menu_of(commands: Sequence[Command], role: Role) -> list[BotCommand]:
    """Return the commands that somebody of a role may use, as Telegram lists them."""
    return [
        BotCommand(command=one.name, description=one.summary[:_LONGEST])
        for one in commands
        if _HIGHER.index(one.role) <= _HIGHER.index(role)
    ]


async def _tried(call: Awaitable[T]) -> T | None:
    """Return what a call returns, or nothing when the server has none of it."""
    try:
        return await call
    except (AiogramError, OSError) as error:
        log.info("menu.refused", error=str(error))
        return None


async def _people(database: Database) -> list[tuple[int, Role]]:
    """Return the people that are let in, with the chats that they would write in."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT id, role FROM users WHERE id LIKE 'telegram:%' AND removed_at IS NULL ORDER BY id"
        )
        return [(int(row[0].removeprefix("telegram:")), Role(row[1])) for row in await cursor.fetchall()]
