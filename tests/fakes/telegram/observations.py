"""What a test sees and sets: messages, answers to buttons, calls, faults, the stream of updates."""

from __future__ import annotations

import base64
from dataclasses import asdict

from tests.fakes.telegram import rich, transcript, validation
from tests.fakes.telegram.actions import action
from tests.fakes.telegram.errors import Json, Value
from tests.fakes.telegram.methods.menu import scope_key
from tests.fakes.telegram.records import Chat
from tests.fakes.telegram.world import World


@action
def messages(world: World, chat_id: int, topic: int | None, by_bot: bool | None, deleted: bool) -> list[int]:
    """The ids of a chat's messages, oldest first."""
    return [
        record.id
        for record in world.chat(chat_id).messages.values()
        if (topic is None or record.topic == topic)
        and (by_bot is None or (record.sender_id == world.me["id"]) == by_bot)
        and (deleted or not record.deleted)
    ]


@action
def message(world: World, chat_id: int, message_id: int) -> Json:
    """Everything about a message."""
    record = world.chat(chat_id).messages[message_id]
    return {
        "payload": record.payload,
        "text": readable(record.payload),
        "texts": [readable(version) for version in record.versions],
        "markup": record.markup,
        "topic": record.topic,
        "reply_to": record.reply_to,
        "deleted": record.deleted,
        "sender_id": record.sender_id,
        "by_bot": record.sender_id == world.me["id"],
    }


@action
def answers(world: World, query_id: str) -> list[Json]:
    """What the bot said to whoever pressed a button."""
    return world.queries[query_id].answers


@action
def file_content(world: World, file_id: str) -> str:
    """A file, as base64."""
    return base64.b64encode(world.files[file_id].content).decode()


@action
def drafts(world: World, chat_id: int, topic: int | None) -> list[Json]:
    """The drafts of a chat, oldest first."""
    return [asdict(d) for d in world.chat(chat_id).drafts.values() if d.topic == topic]


@action
def topics(world: World, chat_id: int) -> list[Json]:
    """The topics of a chat, with those that are gone."""
    return [asdict(topic) for topic in world.chat(chat_id).topics.values()]


@action
def chat_state(world: World, chat_id: int) -> Json:
    """What is to know about a chat besides its messages."""
    chat: Chat = world.chat(chat_id)
    return {
        "title": chat.title,
        "kind": chat.kind,
        "pinned": chat.pinned,
        "actions": chat.actions,
        "bot_status": chat.bot_status,
        "migrated_to": chat.migrated_to,
    }


@action
def print_transcript(world: World, chat_id: int, topic: int | None, edits: bool, ids: bool) -> str:
    """The conversation as a person would read it."""
    return transcript.print_chat(world, world.chat(chat_id), topic, edits=edits, ids=ids)


@action
def chat_ids(world: World) -> list[int]:
    """All chats that have a history."""
    return [chat.id for chat in world.chats.values() if chat.log]


@action
def calls(world: World, method: str | None) -> list[Json]:
    """The calls the bot made, oldest first."""
    return [call for call in world.calls if method is None or call["method"].lower() == method.lower()]


@action
def commands(world: World, scope: Json | None, language_code: str) -> list[Json] | None:
    """The menu of a scope and language; none when it was never set."""
    return world.commands.get((scope_key(scope), language_code))


@action
def fail(world: World, **what: Value) -> int:
    """Set a fault."""
    return world.faults.add(**what)


@action
def fault_status(world: World, number: int) -> Json:
    """How often a fault has hit."""
    return world.faults.status(number)


@action
def cancel_fault(world: World, number: int) -> None:
    """Take a fault back."""
    world.faults.cancel(number)


@action
def set_limits(world: World, **limits: Value) -> None:
    """Switch the flood limits on or off, or change them."""
    for name, value in limits.items():
        setattr(world.limits, name, value)
    world.limits.__post_init__()


@action
def violations(world: World) -> list[Json]:
    """Every call that was more than Telegram allows."""
    return [asdict(violation) for violation in world.limits.violations]


@action
def mismatches(world: World) -> list[str]:
    """What the server said that Telegram would not say."""
    return world.mismatches


@action
def deliver_again(world: World, update_id: int, times: int) -> None:
    """Deliver an update once more."""
    world.updates.again(update_id, times)


@action
def enqueue(world: World, update: Json, validate: bool) -> int:
    """Append a raw update."""
    if validate and world.validate:
        validation.check_update({"update_id": world.updates.next_id, **update})
    return world.updates.add(dict(update))


@action
def hold_updates(world: World) -> None:
    """Keep new updates back."""
    world.updates.hold()


@action
def release_updates(world: World, reverse: bool) -> None:
    """Deliver what was kept back."""
    world.updates.release(reverse)


@action
def pending_updates(world: World) -> list[Json]:
    """Updates the bot has not confirmed."""
    return [*world.updates.injected, *world.updates.pending.values()]


@action
def is_polled(world: World) -> bool:
    """Whether the bot waits for updates."""
    return world.updates.has_reader


@action
def webhook_state(world: World) -> Json:
    """Where updates are posted to."""
    return asdict(world.webhook)


def readable(content: Json) -> str:
    """The words of a message."""
    if "rich_message" in content:
        return rich.plain_text(content["rich_message"])
    return str(content.get("text", content.get("caption", "")))
