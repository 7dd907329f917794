"""Chats and their members."""

from __future__ import annotations

import time

from tests.fakes.telegram.errors import Json, bad_request
from tests.fakes.telegram.methods.table import method
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.world import World

RIGHTS = [
    "can_be_edited",
    "is_anonymous",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
    "can_pin_messages",
    "can_manage_topics",
]
GIFTS = ["unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"]


@method("getChat")
def get_chat(world: World, params: Params) -> Json:
    """Everything about a chat."""
    chat = world.open_chat(params.chat_id())
    body = chat.as_json() | {
        "accent_color_id": abs(chat.id) % 7,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(GIFTS, False),
    }
    if chat.pinned:
        body["pinned_message"] = dict(chat.messages[chat.pinned[-1]].payload)
    return body


@method("getChatMember")
def get_chat_member(world: World, params: Params) -> Json:
    """What somebody is in a chat."""
    chat = world.open_chat(params.chat_id())
    user_id = params.integer("user_id") or 0
    if user_id == world.me["id"]:
        status = "member" if chat.kind == "private" else chat.bot_status
        return member(world.me, status)
    user = world.users.get(user_id)
    if user is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return member(user, chat.members.get(user_id, "left"))


@method("getChatMemberCount")
def get_chat_member_count(world: World, params: Params) -> int:
    """How many are in a chat, the bot among them."""
    return len(world.open_chat(params.chat_id()).members) + 1


@method("pinChatMessage")
def pin_chat_message(world: World, params: Params) -> bool:
    """Put a message on top of the chat."""
    chat = world.open_chat(params.chat_id())
    record = chat.messages.get(params.integer("message_id") or 0)
    if record is None or record.deleted:
        raise bad_request("message to pin not found")
    if record.id in chat.pinned:
        raise bad_request("CHAT_NOT_MODIFIED")
    chat.pinned.append(record.id)
    told = world.add_message(chat, world.me, {"pinned_message": dict(record.payload)}, topic=record.topic)
    world.announce(chat, told)
    return True


@method("unpinChatMessage")
def unpin_chat_message(world: World, params: Params) -> bool:
    """Take it down again."""
    chat = world.open_chat(params.chat_id())
    message_id = params.integer("message_id") or (chat.pinned[-1] if chat.pinned else 0)
    if message_id not in chat.pinned:
        raise bad_request("message to unpin not found")
    chat.pinned.remove(message_id)
    return True


@method("leaveChat")
def leave_chat(world: World, params: Params) -> bool:
    """Leave a group."""
    chat = world.open_chat(params.chat_id())
    if chat.kind == "private":
        raise bad_request("chat member status can't be changed in private chats")
    before, chat.bot_status = chat.bot_status, "left"
    world.note(chat, f"{world.me['first_name']} left the group")
    world.emit(
        "my_chat_member",
        {
            "chat": chat.as_json(),
            "from": world.me,
            "date": int(time.time()),
            "old_chat_member": member(world.me, before),
            "new_chat_member": member(world.me, "left"),
        },
    )
    return True


def member(user: Json, status: str) -> Json:
    """A `ChatMember` object."""
    body: Json = {"user": user, "status": status}
    if status == "administrator":
        body |= dict.fromkeys(RIGHTS, True) | {"is_anonymous": False}
    if status == "creator":
        body["is_anonymous"] = False
    if status == "kicked":
        body["until_date"] = 0
    return body
