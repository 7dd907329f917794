"""Topics of forums and of private chats."""

from __future__ import annotations

from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.records import TOPIC_COLOR, Chat, Entry, Topic
from tests.fakes.telegram.world import World

NAME_LIMIT = 128
COLORS = frozenset({7322096, 16766590, 13338331, 9367192, 16749490, 16478047})


@method("createForumTopic")
def create_forum_topic(world: World, params: Params) -> Json:
    """Open a topic."""
    chat = world.open_chat(params.chat_id())
    name = (params.text("name") or "").strip()
    _check_may_have_topics(world, chat)
    _check_name(name)
    color = params.integer("icon_color") or TOPIC_COLOR
    if color not in COLORS:
        raise bad_request("TOPIC_ICON_COLOR_INVALID")
    topic = open_topic(world, chat, world.me, name, color)
    topic.icon_custom_emoji_id = params.text("icon_custom_emoji_id")
    world.announce(chat, chat.messages[topic.id])
    return topic.as_json()


@method("editForumTopic")
def edit_forum_topic(world: World, params: Params) -> bool:
    """Rename a topic."""
    chat, topic = _topic(world, params)
    name, icon = params.text("name"), params.text("icon_custom_emoji_id")
    if name in {None, "", topic.name} and icon in {None, topic.icon_custom_emoji_id}:
        raise bad_request("TOPIC_NOT_MODIFIED")
    edited: Json = {}
    if name and name != topic.name:
        _check_name(name)
        topic.name = edited["name"] = name
    if icon is not None:
        topic.icon_custom_emoji_id = edited["icon_custom_emoji_id"] = icon
    told = world.add_message(chat, world.me, {"forum_topic_edited": edited}, topic=topic.id)
    world.announce(chat, told)
    return True


@method("closeForumTopic")
def close_forum_topic(world: World, params: Params) -> bool:
    """Let nobody but administrators write to it."""
    return _set_closed(world, params, closed=True)


@method("reopenForumTopic")
def reopen_forum_topic(world: World, params: Params) -> bool:
    """Let everybody write to it again."""
    return _set_closed(world, params, closed=False)


@method("deleteForumTopic")
def delete_forum_topic(world: World, params: Params) -> bool:
    """Remove a topic with its messages."""
    chat, topic = _topic(world, params)
    remove_topic(chat, topic)
    return True


def open_topic(world: World, chat: Chat, by: Json, name: str, color: int = TOPIC_COLOR) -> Topic:
    """Open a topic: it is named after the id of the message that tells of it."""
    created = {"name": name, "icon_color": color}
    record = world.add_message(chat, by, {"forum_topic_created": created})
    record.payload |= {"message_thread_id": record.id, "is_topic_message": True}
    record.topic = record.id
    chat.log[-1] = Entry("message", record.id, record.id)
    topic = chat.topics[record.id] = Topic(record.id, name, color)
    return topic


def remove_topic(chat: Chat, topic: Topic) -> None:
    """Mark a topic and its messages as gone."""
    topic.deleted = True
    for record in chat.messages.values():
        if record.topic == topic.id:
            record.deleted = True


def _topic(world: World, params: Params) -> tuple[Chat, Topic]:
    chat = world.open_chat(params.chat_id())
    _check_may_have_topics(world, chat)
    topic = chat.topics.get(params.integer("message_thread_id") or 0)
    if topic is None or topic.deleted:
        raise bad_request("message thread not found")
    return chat, topic


def _set_closed(world: World, params: Params, *, closed: bool) -> bool:
    chat, topic = _topic(world, params)
    if chat.kind == "private":
        raise bad_request("the chat is not a supergroup forum")
    if topic.closed == closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = closed
    event = "forum_topic_closed" if closed else "forum_topic_reopened"
    told = world.add_message(chat, world.me, {event: {}}, topic=topic.id)
    world.announce(chat, told)
    return True


def _check_may_have_topics(world: World, chat: Chat) -> None:
    if chat.kind == "private":
        if not world.private_topics:
            raise bad_request("the chat is not a forum")
    elif not chat.is_forum:
        raise bad_request("the chat is not a forum")
    elif chat.bot_status != "administrator":
        raise bad_request("not enough rights to create a topic")


def _check_name(name: str) -> None:
    if not name:
        raise bad_request("TOPIC_TITLE_EMPTY")
    if len(name) > NAME_LIMIT:
        raise bad_request("TOPIC_TITLE_INVALID")
