"""What a person says is handed to the conversation, in the session where it belongs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiogram import Bot
from aiogram.types import Message as TelegramMessage

from bot import chats, outbox, texts
from bot.answering import Answering
from bot.arrived import Arrived
from bot.chats import ChatKind
from bot.menu import Menu
from bot.outbox import Row
from bot.outgoing import Outgoing, Words
from bot.places import FRONT, READER, Place
from bot.reservation import Reservation
from bot.thinking import thinking
from bot.topics import Topics, move
from graph.conversation import Attachment, Conversation, Decision, Feed, Message
from shared.database import Connection, Database
from shared.ids import SessionId


class Hearing:
    """Knows how something said in Telegram becomes a message of the conversation."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        conversation: Conversation,
        feed: Feed,
        topics: Topics,
        menu: Menu,
        *,
        wake_sender: Callable[[int], None],
        reserve: Callable[[int], Reservation | None],
        deliver: Callable[[SessionId], Awaitable[None]],
    ) -> None:
        """Put it together.

        Args:
            database: Where sessions and the outbox are.
            bot: Shows that something is being done.
            conversation: Answers what is said.
            feed: Carries the answers; we begin to read a session with its first message.
            topics: Give a new project a topic of its own.
            menu: Follows people's roles.
            wake_sender: Told the chat for which there is something to send.
            reserve: Keeps a chat for an answer, where it may.
            deliver: Brings what is new in a session into the outbox.
        """
        self._database = database
        self._bot = bot
        self._conversation = conversation
        self._feed = feed
        self._topics = topics
        self._menu = menu
        self._wake_sender = wake_sender
        self._reserve = reserve
        self._deliver = deliver
        self._begun: set[SessionId] = set()
        """Sessions that are greeted and read, as far as this process has seen to it."""

    async def hear(
        self,
        arrived: Arrived,
        text: str = "",
        *,
        decision: Decision | None = None,
        replied_to: Row | None = None,
        by_name: bool = False,
        attachments: Sequence[Attachment] = (),
        place: Place | None = None,
    ) -> None:
        """Have something answered that was said; all that it causes is stored when this returns.

        Args:
            arrived: The update that says it.
            text: The words, without what only says that they are for us.
            decision: The button that was pressed, instead.
            replied_to: The message of ours that it replies to.
            by_name: Whether it mentions us.
            attachments: The files that came with it, kept already.
            place: Where it belongs, if that is not where it came in.
        """
        async with thinking(self._bot, arrived.place):
            await self.begin(arrived)
            there = await self._at(arrived, place or arrived.place)
            prompted = replied_to is not None and _asks_comment(replied_to)
            if not prompted:
                there = await self._where_it_belongs(there, text)
            message = Message(
                front=FRONT,
                external_id=there.external_id,
                session_id=there.session_id,
                user=there.user,
                text=text,
                decision=decision,
                about_run=replied_to.run_number if replied_to else None,
                about_approval=replied_to.approval_id if replied_to else None,
                answers_prompt=prompted,
                in_company=there.place.in_group and not by_name,
                attachments=tuple(attachments),
            )
            with await self._answering(arrived) as answering:
                await self._conversation.receive(message, tell=answering.tell)
        if not answering.told:
            await self._deliver(there.session_id)

    async def _answering(self, arrived: Arrived) -> Answering:
        return Answering(
            self._feed,
            arrived,
            username=(await self._bot.me()).username or "",
            reserve=self._reserve,
            wake_sender=self._wake_sender,
        )

    async def greet(self, arrived: Arrived) -> None:
        """Answer `/start`: a greeting where there was none yet, else what can be said."""
        await self.begin(arrived)
        async with self._database.connection() as connection:
            greeted = await _greeted_since(connection, arrived, self._bot.id)
        if not greeted:
            await self.hear(arrived, "/help")

    async def say(self, arrived: Arrived, content: Outgoing, *, key: str | None = None) -> None:
        """Answer with words of the front's own, which the conversation knows nothing of.

        Args:
            arrived: What is answered.
            content: The words.
            key: What is said, if not just the answer to this.
        """
        await self.begin(arrived)
        async with self._database.transaction() as tx:
            await outbox.put(
                tx,
                key=key or f"answer:{arrived.inbox_id}",
                place=arrived.place,
                content=content,
                solicited=True,
                session_id=arrived.session_id,
            )
        self._wake_sender(arrived.place.chat_id)

    async def replied_to(self, message: TelegramMessage) -> Row | None:
        """Return the message of ours that a message replies to."""
        if message.reply_to_message is None:
            return None
        async with self._database.connection() as connection:
            return await outbox.of_message(connection, message.chat.id, message.reply_to_message.message_id)

    async def begin(self, arrived: Arrived) -> None:
        """Greet in a session in which nothing was said yet, and read it from there on."""
        if not chats.is_group(arrived.place.chat_id):
            self._menu.meet(arrived.place.chat_id, arrived.user.role)
        if arrived.session_id in self._begun:
            return
        if chats.is_group(arrived.place.chat_id):
            await self._welcome(arrived)
        else:
            await self._conversation.open(
                front=FRONT, external_key=arrived.place.external_key, user=arrived.user
            )
        await self._feed.attach(READER, arrived.session_id)
        await self._deliver(arrived.session_id)
        self._begun.add(arrived.session_id)

    async def _welcome(self, arrived: Arrived) -> None:
        """Say once in a group how one speaks to us there."""
        chat_id, me = arrived.place.chat_id, await self._bot.me()
        async with self._database.transaction() as tx:
            chat = await chats.get(tx, chat_id)
            forum = chat is not None and chat.kind is ChatKind.FORUM
            await outbox.put(
                tx,
                key=_welcome_key(self._bot.id, chat_id),
                place=Place(chat_id),
                content=Words(
                    text=(texts.forum_welcome if forum else texts.group_welcome)(me.username or "")
                ),
                solicited=True,
            )
        self._wake_sender(chat_id)

    async def _at(self, arrived: Arrived, place: Place) -> Arrived:
        if place == arrived.place:
            return arrived
        async with self._database.transaction() as tx:
            there = await move(tx, arrived, place)
        await self._feed.attach(READER, there.session_id)
        return there

    async def _where_it_belongs(self, arrived: Arrived, text: str) -> Arrived:
        """Move a wish for something new into a topic of its own, where it was said in a forum's general one."""
        if not text or not await self._topics.can_open(arrived.place):
            return arrived
        work = await self._conversation.build_meant(arrived.session_id, arrived.user, text)
        if work is None:
            return arrived
        there = await self._topics.open_for(arrived, work)
        await self._feed.attach(READER, there.session_id)
        return there


def _asks_comment(row: Row) -> bool:
    return isinstance(row.content, Words) and row.content.prompt is not None


async def _greeted_since(tx: Connection, arrived: Arrived, bot_id: int) -> bool:
    """Whether the greeting was made for this, also if we were killed since."""
    cursor = await tx.execute(
        """
        SELECT EXISTS (SELECT FROM turns WHERE session_id = %(session_id)s AND seq = 1
                          AND author = 'telewright' AND created_at >= received_at)
            OR EXISTS (SELECT FROM outbox WHERE key = %(welcome)s AND created_at >= received_at)
          FROM inbox WHERE id = %(inbox_id)s
        """,
        {
            "session_id": arrived.session_id,
            "welcome": _welcome_key(bot_id, arrived.place.chat_id),
            "inbox_id": arrived.inbox_id,
        },
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


def _welcome_key(bot_id: int, chat_id: int) -> str:
    """Name the welcome of one bot: another one is spoken to by another name."""
    return f"welcome:{bot_id}:{chat_id}"
