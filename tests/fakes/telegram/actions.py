"""What people do in Telegram, and what happens to chats: each makes the updates that Telegram makes.

The functions take and return plain JSON, so that a test in another process does the same over HTTP.
"""

from __future__ import annotations

import base64
import mimetypes
import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.fakes.telegram import rich
from tests.fakes.telegram.errors import Json
from tests.fakes.telegram.methods.files import document_json, file_json
from tests.fakes.telegram.records import Chat, Entry, Query, Record
from tests.fakes.telegram.texts import checked, detect, trimmed
from tests.fakes.telegram.world import World

Action = Callable[..., Any]
ACTIONS: dict[str, Action] = {}


def action(function: Action) -> Action:
    """Let tests call a function by its name."""
    ACTIONS[function.__name__] = function
    return function


@action
def user(
    world: World,
    user_id: int,
    first_name: str,
    last_name: str | None,
    username: str | None,
    language_code: str,
) -> None:
    """Let there be a person, with a private chat that is not started yet."""
    fields = {"last_name": last_name, "username": username, "language_code": language_code}
    known = {name: value for name, value in fields.items() if value is not None}
    world.users[user_id] = {"id": user_id, "is_bot": False, "first_name": first_name, **known}
    if user_id not in world.chats:
        chat = Chat(user_id, "private", first_name, first_name, last_name, username)
        chat.members = {user_id: "member"}
        chat.bot_status = "member"
        world.chats[user_id] = chat


@action
def say(
    world: World,
    user_id: int,
    chat_id: int,
    text: str,
    topic: int | None = None,
    reply_to: int | None = None,
    entities: list[Json] | None = None,
) -> Json:
    """Write a text."""
    words, found = detect(*trimmed(text, checked(text, entities or [])))
    content: Json = {"text": words} | ({"entities": found} if found else {})
    return _send(world, user_id, chat_id, content, topic, reply_to)


@action
def send_file(
    world: World,
    user_id: int,
    chat_id: int,
    kind: str,
    name: str,
    content: str,
    caption: str | None = None,
    topic: int | None = None,
    reply_to: int | None = None,
    album: str | None = None,
) -> Json:
    """Send a document, a photo or a voice message, alone or in an album; the content comes as base64."""
    data = base64.b64decode(content)
    mime_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    folder = {"document": "documents", "photo": "photos", "voice": "voice"}[kind]
    stored = world.store(name, data, mime_type, folder)
    body: Json
    if kind == "photo":
        small = file_json(world.store(name, data[:1024], mime_type, folder)) | {"width": 90, "height": 67}
        body = {"photo": [small, file_json(stored) | {"width": 1280, "height": 960}]}
    elif kind == "voice":
        body = {"voice": file_json(stored) | {"duration": 3, "mime_type": "audio/ogg"}}
    else:
        body = {"document": document_json(stored)}
    if album is not None:
        body["media_group_id"] = album
    if caption:
        words, found = detect(*trimmed(caption, []))
        body |= {"caption": words} | ({"caption_entities": found} if found else {})
    return _send(world, user_id, chat_id, body, topic, reply_to)


@action
def edit(world: World, user_id: int, chat_id: int, message_id: int, text: str) -> Json:
    """Change one's own message."""
    chat, record = _own(world, user_id, chat_id, message_id)
    words, found = detect(*trimmed(text, []))
    name = "text" if "text" in record.payload else "caption"
    entities = "entities" if name == "text" else "caption_entities"
    record.payload.pop(entities, None)
    record.payload |= {name: words, "edit_date": int(time.time())} | ({entities: found} if found else {})
    record.remember()
    return _sent(record, world.emit("edited_message", world.render(chat, record)))


@action
def forward(
    world: World, user_id: int, from_chat: int, message_id: int, chat_id: int, topic: int | None
) -> Json:
    """Forward a message into a chat."""
    source = world.chat(from_chat).messages[message_id]
    kept = ("text", "entities", "caption", "caption_entities", "document", "photo", "voice")
    content = {name: source.payload[name] for name in kept if name in source.payload}
    origin = {"type": "user", "date": source.payload["date"], "sender_user": source.payload["from"]}
    return _send(world, user_id, chat_id, content | {"forward_origin": origin}, topic, None)


@action
def delete_own(world: World, user_id: int, chat_id: int, message_id: int) -> None:
    """Delete a message; bots are not told."""
    _, record = _own(world, user_id, chat_id, message_id)
    record.deleted = True


@action
def press(world: World, user_id: int, chat_id: int, message_id: int, button: str) -> Json:
    """Press a button, by its label or its data, as it is on the message now or was before.

    An older form of the message may still be on somebody's screen: its buttons can be pressed too.
    """
    chat = world.chat(chat_id)
    record = chat.messages[message_id]
    version, found = _button(record, button)
    query = Query(
        id=str(secrets.randbits(62)),
        user_id=user_id,
        chat_id=chat_id,
        message_id=message_id,
        label=found["text"],
        data=found["callback_data"],
        version=version,
        asked_at=time.monotonic(),
    )
    world.queries[query.id] = query
    chat.log.append(Entry("press", query.id, record.topic))
    message = world.render(chat, record)
    if record.deleted:
        message = {"chat": chat.as_json(), "message_id": message_id, "date": 0}
    query.update_id = world.emit(
        "callback_query",
        {
            "id": query.id,
            "from": world.users[user_id],
            "message": message,
            "chat_instance": str(abs(chat_id)),
            "data": query.data,
        },
    )
    return {"query_id": query.id, "update_id": query.update_id}


@action
def expire_query(world: World, query_id: str) -> None:
    """Let a pressed button's time to be answered be over."""
    world.queries[query_id].expired = True


@action
def stop_draft(world: World, user_id: int, topic: int | None, draft_id: int | None) -> int | None:
    """Press the stop button of the draft that is on the screen."""
    chat = world.chat(user_id)
    draft = next(
        d
        for d in reversed(chat.drafts.values())
        if d.shown and d.can_stop and d.topic == topic and draft_id in {None, d.id}
    )
    draft.stopped = True
    draft.shown = draft.keep_on_stop
    body: Json = {"chat": chat.as_json(), "draft_id": draft.id}
    if topic is not None:
        body["message_thread_id"] = topic
    return world.emit("stopped_message_generation", body)


def _send(
    world: World, user_id: int, chat_id: int, content: Json, topic: int | None, reply_to: int | None
) -> Json:
    chat = world.chat(chat_id)
    if topic is not None and not chat.topic_is_open(topic):
        raise LookupError(f"{chat.title} has no topic {topic}")
    chat.started = True
    record = world.add_message(chat, world.users[user_id], content, topic=topic, reply_to=reply_to)
    return _sent(record, world.announce(chat, record))


def _sent(record: Record, update_id: int | None) -> Json:
    return {"message_id": record.id, "update_id": update_id}


def _own(world: World, user_id: int, chat_id: int, message_id: int) -> tuple[Chat, Record]:
    chat = world.chat(chat_id)
    record = chat.messages[message_id]
    if record.sender_id != user_id:
        raise LookupError(f"message {message_id} is not of {world.users[user_id]['first_name']}")
    return chat, record


def _button(record: Record, wanted: str) -> tuple[int, Json]:
    for version in range(len(record.versions) - 1, -1, -1):
        for button in _buttons(record.versions[version]):
            if "callback_data" in button and wanted in {button["text"], button["callback_data"]}:
                return version, button
    raise LookupError(f"the message has no button {wanted!r}: {record.versions[-1]}")


def _buttons(content: Json) -> list[Json]:
    rows = content.get("reply_markup", {}).get("inline_keyboard", [])
    return [button for row in rows for button in row] + rich.buttons(content.get("rich_message", {}))
