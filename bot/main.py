"""The bot: one process speaks, the others store what comes to them and stand by."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramNotFound, TelegramUnauthorizedError
from aiogram.types import User

from bot.access import Access, user_id
from bot.arrived import Arrived
from bot.drafts import Drafts
from bot.files import Files
from bot.follows import Follows
from bot.handling import Handling
from bot.identity import recognise
from bot.insistence import insist
from bot.menu import Menu
from bot.notifier import Notifier
from bot.places import FRONT
from bot.polling import Polling
from bot.reception import Reception
from bot.routers import Parts, routers
from bot.sender import Sender
from bot.session import Session
from bot.throttle import Throttle
from bot.webhook import Webhook
from graph.conversation import Conversation, Feed
from shared.database import Database
from shared.errors import BadSetting
from shared.lease import Held, Lease, LeaseLost
from shared.ledger import users
from shared.ledger.users import Role
from shared.live import Live
from shared.outages import outlast
from shared.settings import Settings

log = structlog.get_logger(__name__)


class TelegramBot:
    """The parts of one bot process."""

    def __init__(
        self, settings: Settings, database: Database, live: Live, conversation: Conversation, feed: Feed
    ) -> None:
        """Put it together; nothing is opened yet.

        Args:
            settings: Token, people, and where Telegram is.
            database: Opened.
            live: Opened.
            conversation: Answers what is said.
            feed: What becomes of it.

        Raises:
            BadSetting: There is no token, or nobody may use the bot.
        """
        token = settings.require_bot()
        self._settings = settings
        self._database = database
        self._live = live
        self._conversation = conversation
        self._feed = feed
        server = TelegramAPIServer.from_base(settings.telegram_api_url)
        self._bot = Bot(token, session=Session(api=server))
        self._access = Access(database, settings.allowed_user_ids)
        self._handling: Handling | None = None
        self._reception = Reception(database, self._access, wake=self._wake_handling)

    async def run(self) -> None:
        """Be the bot, until cancelled."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._bot.session.close)
            await self._introduce()
            await outlast(self._let_in)
            async with asyncio.TaskGroup() as together:
                together.create_task(self._access.keep_fresh(), name="access")
                if self._settings.telegram_webhook_url is not None:
                    together.create_task(self._webhook().serve(), name="webhook")
                together.create_task(self._speak_in_turn(), name="speaker")

    async def _introduce(self) -> None:
        """Find out who we are; Telegram may be away for a while.

        Raises:
            BadSetting: Telegram does not know the token.
        """

        async def ask() -> User:
            try:
                return await self._bot.me()
            except (TelegramUnauthorizedError, TelegramNotFound) as error:
                raise BadSetting("TELEGRAM_BOT_TOKEN is not known to Telegram.") from error

        me = await insist(ask)
        log.info("bot.started", username=me.username, webhook=bool(self._settings.telegram_webhook_url))

    async def _let_in(self) -> None:
        """Let in who stands in the settings: the first as owner, the other people as operators."""
        people = [user_id(one) for one in self._settings.allowed_user_ids if one > 0]
        async with self._database.transaction() as tx:
            await users.allow(tx, owner=people[0], operators=people[1:])
            await recognise(tx, self._bot.id)
        await self._access.refresh()

    async def _speak_in_turn(self) -> None:
        """Be the one that speaks whenever it is our turn, for ever."""
        lease = Lease(self._database.url, FRONT, holder=f"{socket.gethostname()}:{os.getpid()}")
        while True:
            async with lease.held() as held:
                log.info("bot.speaks", fence=held.token)
                await self._speak(held)
            log.warning("bot.replaced", fence=held.token)

    async def _speak(self, held: Held) -> None:
        """Handle, tell and send, until the lease is lost."""
        groups = self._settings.allowed_groups
        sender = Sender(self._database, self._bot, token=held.token, groups_in_settings=groups)
        drafts = Drafts(self._database, self._bot, wake_sender=sender.wake)
        follows = Follows(self._conversation, drafts)
        notifier = Notifier(
            self._database,
            self._live,
            self._feed,
            bot=self._bot,
            token=held.token,
            wake_sender=sender.wake,
            follow=follows.begin,
            groups_in_settings=groups,
        )
        menu = Menu(self._bot)
        files = Files(self._bot, self._settings.home)
        dispatcher = self._dispatcher(held.token, menu, notifier, sender, drafts, files)

        async def handle(arrived: Arrived) -> None:
            await dispatcher.feed_update(self._bot, arrived.update, arrived=arrived)
            if arrived.user.role is Role.OWNER:
                self._access.doubt()
                await menu.follow(self._database)

        handling = Handling(self._database, self._bot, handle, wake_sender=sender.wake)
        self._handling = handling
        try:
            await follows.end_left_behind()
            async with asyncio.TaskGroup() as together:
                tasks = [
                    together.create_task(follows.run(), name="follows"),
                    together.create_task(sender.run(), name="sender"),
                    together.create_task(notifier.run(), name="notifier"),
                    together.create_task(handling.run(), name="handling"),
                    together.create_task(self._hear_of_news(handling), name="news"),
                    together.create_task(self._listen(), name="listener"),
                    together.create_task(menu.put_up(self._database), name="menu"),
                ]
                await held.lost.wait()
                for task in tasks:
                    task.cancel()
        except* LeaseLost:
            # A write has found out before the beat did.
            pass
        finally:
            self._handling = None
            await menu.close()
            await files.close()

    async def _hear_of_news(self, handling: Handling) -> None:
        """Have handled at once what other processes have taken in."""
        with self._live.watching_inbox(FRONT) as watch:
            while True:
                if await watch.wait():
                    handling.wake()

    async def _listen(self) -> None:
        """Have updates come, in the way that is set."""
        if self._settings.telegram_webhook_url is None:
            await Polling(self._bot, self._reception).run()
        else:
            await self._webhook().keep_registered()

    def _webhook(self) -> Webhook:
        return Webhook(self._bot, self._reception, self._settings)

    def _dispatcher(
        self, token: int, menu: Menu, notifier: Notifier, sender: Sender, drafts: Drafts, files: Files
    ) -> Dispatcher:
        dispatcher = Dispatcher(disable_fsm=True)
        dispatcher.update.outer_middleware(Throttle(self._database, wake_sender=sender.wake))
        parts = Parts(
            database=self._database,
            bot=self._bot,
            token=token,
            conversation=self._conversation,
            feed=self._feed,
            menu=menu,
            drafts=drafts,
            files=files,
            wake_sender=sender.wake,
            reserve=sender.reserve,
            deliver=notifier.deliver,
        )
        dispatcher.include_routers(*routers(parts))
        return dispatcher

    def _wake_handling(self) -> None:
        """Have what was stored handled at once, by whoever speaks."""
        if self._handling is not None:
            self._handling.wake()
        else:
            self._live.wake_inbox(FRONT)
