"""What is done with topics themselves: service messages, which nobody says."""

from __future__ import annotations

from aiogram import Router
from aiogram.enums import ContentType
from aiogram.types import Message

from bot import known_topics
from bot.routers.kinds import Kind
from shared.database import Database


def topics(database: Database) -> Router:
    """Return the router of service messages: what is known of topics follows them."""
    router = Router(name="topics")

    @router.message(Kind(ContentType.FORUM_TOPIC_CREATED))
    async def created(message: Message) -> None:
        """Note a topic and its name."""
        assert message.forum_topic_created  # noqa: S101 - the filter
        await _named(message, message.forum_topic_created.name)

    @router.message(Kind(ContentType.FORUM_TOPIC_EDITED))
    async def edited(message: Message) -> None:
        """Note a topic's new name; a new icon alone says nothing to us."""
        assert message.forum_topic_edited  # noqa: S101 - the filter
        if name := message.forum_topic_edited.name:
            await _named(message, name)

    async def _named(message: Message, name: str) -> None:
        assert message.message_thread_id is not None  # noqa: S101 - it is about a topic
        async with database.transaction() as tx:
            await known_topics.opened(tx, message.chat.id, message.message_thread_id, name=name)

    @router.message(Kind(ContentType.FORUM_TOPIC_REOPENED))
    async def reopened(message: Message) -> None:
        """Know a topic that can be written to again."""
        assert message.message_thread_id is not None  # noqa: S101 - it is about a topic
        async with database.transaction() as tx:
            known = await known_topics.get(tx, message.chat.id, message.message_thread_id)
            if known is not None:
                await known_topics.opened(tx, message.chat.id, message.message_thread_id, name=known.name)

    return router
