"""A topic for a piece of work: opened from a forum's general topic, once, and named after what is built."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramForbiddenError, TelegramRetryAfter

from bot import chats, known_topics, outbox, texts
from bot.arrived import Arrived
from bot.chats import ChatKind
from bot.links import topic_link
from bot.outgoing import Button, Words
from bot.places import FRONT, READER, Place
from bot.rendering.text import one_line
from graph.orchestrator.work import Build
from shared.database import Connection, Database
from shared.ids import SessionId
from shared.lease import assert_lease
from shared.ledger import cursors, sessions

_LONGEST_NAME = 128
"""Characters of a topic's name (https://core.telegram.org/bots/api#createforumtopic)."""

_LONGEST_WAIT_S = 10
"""What Telegram may ask to wait for, before the work goes on without a topic."""

_LOOKED_AT = 8
"""Messages after the one that asks for a topic, among which one that was left behind is looked for."""

log = structlog.get_logger(__name__)


class Topics:
    """Opens topics, and knows which ones are ours."""

    def __init__(
        self, database: Database, bot: Bot, *, token: int, wake_sender: Callable[[int], None]
    ) -> None:
        """Put it together.

        Args:
            database: Where topics, sessions and the outbox are.
            bot: Opens them.
            token: The lease by which this process speaks.
            wake_sender: Told the chat for which there is something to send.
        """
        self._database = database
        self._bot = bot
        self._token = token
        self._wake_sender = wake_sender

    async def is_ours(self, place: Place, session_id: SessionId) -> bool:
        """Whether everything that is said in a topic is for us: we opened it, or work was started there."""
        if place.thread_id is None:
            return False
        async with self._database.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT EXISTS (SELECT FROM telegram_topics
                                WHERE chat_id = %s AND thread_id = %s AND opened_for IS NOT NULL)
                    OR EXISTS (SELECT FROM runs WHERE session_id = %s)
                """,
                [place.chat_id, place.thread_id, session_id],
            )
            row = await cursor.fetchone()
        return bool(row and row[0])

    async def can_open(self, place: Place) -> bool:
        """Whether a place is the general topic of a forum."""
        if not chats.is_group(place.chat_id) or place.thread_id is not None:
            return False
        async with self._database.connection() as connection:
            chat = await chats.get(connection, place.chat_id)
        return chat is not None and chat.kind is ChatKind.FORUM

    async def open_for(self, arrived: Arrived, work: Build) -> Arrived:
        """Open a topic for a build, and move what asked for it there.

        The same update opens one topic, also when it comes again.

        Args:
            arrived: What was said in the general topic.
            work: What is to be built.

        Returns:
            The same as if it had been said in the topic; as it was, where there can be none.

        Raises:
            LeaseLost: Another process speaks by now, and opens it.
        """
        async with self._database.connection() as connection:
            topic = await known_topics.opened_for(connection, str(arrived.inbox_id))
        if topic is not None:
            return await self._move(arrived, topic.thread_id, topic.name)
        name = (work.name or work.blueprint or texts.NEW_PROJECT)[:_LONGEST_NAME]
        try:
            thread_id = await self._left_behind(arrived) or await self._create(arrived.place.chat_id, name)
        except AiogramError as error:
            return await self._stay(arrived, error)
        return await self._move(arrived, thread_id, name)

    async def _create(self, chat_id: int, name: str) -> int:
        """Open a topic; where Telegram wants a moment's patience, it gets it once."""
        try:
            return await self._create_now(chat_id, name)
        except TelegramRetryAfter as error:
            if error.retry_after > _LONGEST_WAIT_S:
                raise
            await asyncio.sleep(error.retry_after)
            return await self._create_now(chat_id, name)

    async def _create_now(self, chat_id: int, name: str) -> int:
        # A speaker that was paused until now would open a second one, which nobody knows of.
        async with self._database.transaction() as tx:
            await assert_lease(tx, FRONT, self._token)
        return (await self._bot.create_forum_topic(chat_id, name)).message_thread_id

    async def _left_behind(self, arrived: Arrived) -> int | None:
        """Return the topic that we opened for this before, and were killed before it was recorded.

        Telegram does not list topics. But a topic is numbered by the message that opens it, which came
        soon after the one that asks for it, and an action can be shown only where there is a topic.
        """
        if await self._first_attempt(arrived):
            return None
        asked = arrived.update.message
        for thread_id in range(asked.message_id + 1, asked.message_id + 1 + _LOOKED_AT) if asked else ():
            if await self._is_unknown_topic(arrived.place.chat_id, thread_id):
                log.info("topic.found", chat_id=arrived.place.chat_id, thread_id=thread_id)
                return thread_id
        return None

    async def _first_attempt(self, arrived: Arrived) -> bool:
        """Note that a topic is about to be opened; return whether it was not noted before."""
        stream = f"topic:{arrived.inbox_id}"
        async with self._database.transaction() as tx:
            if await cursors.position(tx, reader=READER, stream=stream):
                return False
            await cursors.advance(tx, reader=READER, to={stream: 1})
        return True

    async def _is_unknown_topic(self, chat_id: int, thread_id: int) -> bool:
        async with self._database.connection() as connection:
            if await known_topics.get(connection, chat_id, thread_id) is not None:
                return False
        try:
            return await self._bot.send_chat_action(chat_id, "typing", message_thread_id=thread_id)
        except TelegramBadRequest:
            return False

    async def _move(self, arrived: Arrived, thread_id: int, name: str) -> Arrived:
        """Record the topic, its session and the way there, all at once."""
        place = Place(arrived.place.chat_id, thread_id)
        async with self._database.transaction() as tx:
            await known_topics.opened(
                tx, place.chat_id, thread_id, name=name, opened_for=str(arrived.inbox_id)
            )
            moved = await move(tx, arrived, place)
            await outbox.put(
                tx,
                key=f"topic:{arrived.inbox_id}",
                place=arrived.place,
                content=_way_there(place.chat_id, thread_id, name),
                solicited=True,
                session_id=arrived.session_id,
            )
        self._wake_sender(place.chat_id)
        return moved

    async def _stay(self, arrived: Arrived, error: AiogramError) -> Arrived:
        """Go on in the general topic: no work is refused for want of a topic.

        That we may not open topics is said once in a chat by each bot; that the server was busy says nothing about it.
        """
        log.warning("topic.refused", chat_id=arrived.place.chat_id, error=str(error))
        if isinstance(error, TelegramBadRequest | TelegramForbiddenError):
            await self._say_so(arrived)
        return arrived

    async def _say_so(self, arrived: Arrived) -> None:
        async with self._database.transaction() as tx:
            await outbox.put(
                tx,
                key=f"no-topics:{self._bot.id}:{arrived.place.chat_id}",
                place=arrived.place,
                content=Words(text=texts.TOPIC_NOT_OPENED),
                solicited=True,
                session_id=arrived.session_id,
            )
        self._wake_sender(arrived.place.chat_id)


async def move(tx: Connection, arrived: Arrived, place: Place) -> Arrived:
    """Let something belong to another place than where it came in, and to the session there."""
    session = await sessions.ensure(
        tx, front=FRONT, external_key=place.external_key, owner_id=arrived.user.id
    )
    await tx.execute("UPDATE inbox SET session_id = %s WHERE id = %s", [session.id, arrived.inbox_id])
    return replace(arrived, place=place, session_id=session.id)


def _way_there(chat_id: int, thread_id: int, name: str) -> Words:
    link = topic_link(chat_id, thread_id)
    buttons = [[Button(text=texts.OPEN_TOPIC, url=link)]] if link else []
    return Words(text=texts.topic_opened(one_line(name)), buttons=buttons)
