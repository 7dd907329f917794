"""What happens to chats: groups are made, people come and go, topics open, bots are blocked."""

from __future__ import annotations

import time

from tests.fakes.telegram.actions import action
from tests.fakes.telegram.errors import Json
from tests.fakes.telegram.methods.chats import member
from tests.fakes.telegram.methods.topics import open_topic, remove_topic
from tests.fakes.telegram.records import Chat
from tests.fakes.telegram.world import World

FIRST_GROUP_ID = -4_000_000_001
FIRST_SUPERGROUP_ID = -1_002_000_000_001


@action
def group(world: World, title: str, members: list[int], kind: str, is_forum: bool, bot_is_admin: bool) -> int:
    """Make a group with the bot in it; the first member owns it."""
    is_super = kind == "supergroup"
    first = FIRST_SUPERGROUP_ID if is_super else FIRST_GROUP_ID
    chat_id = first - sum(
        1 for c in world.chats.values() if (c.kind == "supergroup") == is_super and c.id < 0
    )
    chat = Chat(chat_id, "supergroup" if is_super else "group", title, is_forum=is_forum)
    statuses = ["creator", *["member"] * len(members)]
    chat.members = dict(zip(members, statuses, strict=False))
    world.chats[chat_id] = chat
    _bot_becomes(
        world, chat, members[0] if members else None, "left", "administrator" if bot_is_admin else "member"
    )
    return chat_id


@action
def topic(world: World, chat_id: int, name: str, by: int) -> int:
    """Open a topic by hand."""
    chat = world.chat(chat_id)
    chat.started = True
    opened = open_topic(world, chat, world.users[by], name)
    world.announce(chat, chat.messages[opened.id])
    return opened.id


@action
def join(world: World, user_id: int, chat_id: int, status: str) -> int | None:
    """Become something in a group, or leave it."""
    chat = world.chat(chat_id)
    before = chat.members.get(user_id, "left")
    chat.members[user_id] = status
    person = world.users[user_id]
    world.note(chat, f"{person['first_name']} is {status} now")
    return _changed(world, "chat_member", chat, person, (person, before, status))


@action
def kick_bot(world: World, chat_id: int, by: int, status: str) -> int | None:
    """Make the bot something else in a group: kicked, member, administrator."""
    chat = world.chat(chat_id)
    return _bot_becomes(world, chat, by, chat.bot_status, status)


@action
def migrate(world: World, chat_id: int, by: int) -> int:
    """Turn a basic group into a supergroup; returns the new id."""
    old = world.chat(chat_id)
    members = list(old.members)
    new_id = FIRST_SUPERGROUP_ID - sum(1 for c in world.chats.values() if c.kind == "supergroup")
    new = Chat(new_id, "supergroup", old.title, members=dict(old.members), bot_status=old.bot_status)
    world.chats[new_id] = new
    person = world.users[by if by else members[0]]
    told = world.add_message(old, person, {"migrate_to_chat_id": new_id})
    world.announce(old, told)
    told = world.add_message(new, person, {"migrate_from_chat_id": chat_id})
    world.announce(new, told)
    old.migrated_to = new_id
    return new_id


@action
def delete_chat(world: World, chat_id: int) -> None:
    """Delete a group, or a person's account."""
    world.chat(chat_id).deleted = True
    world.touch()


@action
def delete_topic(world: World, chat_id: int, topic_id: int) -> None:
    """Delete a topic with its messages; bots are not told."""
    chat = world.chat(chat_id)
    remove_topic(chat, chat.topics[topic_id])
    world.touch()


@action
def close_topic(world: World, chat_id: int, topic_id: int, by: int, closed: bool) -> int | None:
    """Close a topic by hand, or open it again."""
    chat = world.chat(chat_id)
    chat.topics[topic_id].closed = closed
    event = "forum_topic_closed" if closed else "forum_topic_reopened"
    record = world.add_message(chat, world.users[by], {event: {}}, topic=topic_id)
    return world.announce(chat, record)


@action
def block(world: World, user_id: int, blocked: bool) -> int | None:
    """Block the bot, or let it in again."""
    chat = world.chat(user_id)
    chat.blocked = blocked
    world.note(chat, f"{chat.first_name} {'blocked' if blocked else 'unblocked'} the bot")
    old, new = ("member", "kicked") if blocked else ("kicked", "member")
    return _bot_changed(world, chat, user_id, old, new)


def _bot_becomes(world: World, chat: Chat, by: int | None, old: str, new: str) -> int | None:
    chat.bot_status = new  # type: ignore[assignment]
    return _bot_changed(world, chat, by, old, new)


def _bot_changed(world: World, chat: Chat, by: int | None, old: str, new: str) -> int | None:
    person = world.users[by] if by is not None else world.me
    return _changed(world, "my_chat_member", chat, person, (world.me, old, new))


def _changed(world: World, kind: str, chat: Chat, by: Json, what: tuple[Json, str, str]) -> int | None:
    whom, old, new = what
    body: Json = {
        "chat": chat.as_json(),
        "from": by,
        "date": int(time.time()),
        "old_chat_member": member(whom, old),
        "new_chat_member": member(whom, new),
    }
    return world.emit(kind, body)
