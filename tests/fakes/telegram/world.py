"""The state of the server: one bot, its people and chats, and what is on its way to it."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections import deque
from dataclasses import dataclass, field

from tests.fakes.telegram import validation
from tests.fakes.telegram.errors import ApiError, Json, bad_request, forbidden, migrated
from tests.fakes.telegram.faults import Faults
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.records import Chat, Entry, Query, Record
from tests.fakes.telegram.updates import UpdateQueue

CALLS_KEPT = 20_000


@dataclass(frozen=True)
class StoredFile:
    """A file that was uploaded, by the bot or by a person."""

    file_id: str
    path: str
    name: str
    content: bytes
    mime_type: str


@dataclass
class Webhook:
    """Where updates are posted to."""

    url: str = ""
    secret_token: str | None = None
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str | None = None
    delivered: int = 0


@dataclass
class World:
    """Everything the server knows.

    Args:
        validate: Hold every answer and update against aiogram's types.
        private_topics: Whether the bot's private chats have topics.
        callback_lifetime_s: How long a pressed button can be answered.
    """

    token: str
    me: Json
    validate: bool = True
    private_topics: bool = True
    callback_lifetime_s: float = 900.0
    users: dict[int, Json] = field(default_factory=dict)
    chats: dict[int, Chat] = field(default_factory=dict)
    queries: dict[str, Query] = field(default_factory=dict)
    files: dict[str, StoredFile] = field(default_factory=dict)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    profile: dict[tuple[str, str], str] = field(default_factory=dict)
    updates: UpdateQueue = field(default_factory=UpdateQueue)
    webhook: Webhook = field(default_factory=Webhook)
    faults: Faults = field(default_factory=Faults)
    limits: Limits = field(default_factory=Limits)
    mismatches: list[str] = field(default_factory=list)
    calls: deque[Json] = field(default_factory=lambda: deque(maxlen=CALLS_KEPT))
    activity: int = 0
    _message_ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _watchers: set[asyncio.Future[None]] = field(default_factory=set)

    # Chats

    def chat(self, chat_id: int) -> Chat:
        """A chat that a test knows of."""
        return self.chats[chat_id]

    def open_chat(self, chat_id: int | str | None) -> Chat:
        """A chat that the bot may write to.

        Raises:
            ApiError: It does not exist, or does not want the bot.
        """
        chat = self._find_chat(chat_id)
        if chat.migrated_to is not None:
            raise migrated(chat.migrated_to)
        if chat.blocked:
            raise forbidden("bot was blocked by the user")
        name = "supergroup" if chat.kind == "supergroup" else "group"
        if chat.deleted:
            raise forbidden("user is deactivated" if chat.kind == "private" else "the group chat was deleted")
        if chat.bot_status == "kicked":
            raise forbidden(f"bot was kicked from the {name} chat")
        if chat.bot_status == "left":
            raise forbidden(f"bot is not a member of the {name} chat")
        return chat

    def _find_chat(self, chat_id: int | str | None) -> Chat:
        if chat_id is None or chat_id == "":
            raise bad_request("chat_id is empty")
        if isinstance(chat_id, str):
            found = next(
                (c for c in self.chats.values() if f"@{c.username}" == chat_id and c.kind != "private"), None
            )
        else:
            found = self.chats.get(chat_id)
        if found is None or (found.kind == "private" and not found.started):
            raise bad_request("chat not found")
        return found

    # Messages

    def new_message_id(self, chat: Chat) -> int:
        """Private chats and basic groups share the account's counter, a supergroup has its own."""
        if chat.kind == "supergroup":
            chat.last_message_id += 1
            return chat.last_message_id
        return next(self._message_ids)

    def add_message(
        self,
        chat: Chat,
        sender: Json,
        content: Json,
        *,
        topic: int | None = None,
        reply_to: int | None = None,
        markup: Json | None = None,
    ) -> Record:
        """Append a message to a chat."""
        message_id = self.new_message_id(chat)
        payload: Json = {
            "message_id": message_id,
            "from": sender,
            "chat": chat.as_json(),
            "date": int(time.time()),
            **content,
        }
        if markup is not None and "inline_keyboard" in markup:
            payload["reply_markup"] = markup
        payload.update(_thread(chat, topic, reply_to))
        record = Record(payload, sender["id"], topic, reply_to, markup)
        record.remember()
        chat.messages[message_id] = record
        chat.log.append(Entry("message", message_id, topic))
        if sender["id"] == self.me["id"]:
            for draft in chat.drafts.values():
                if draft.topic == topic:
                    draft.shown = False
        return record

    def render(self, chat: Chat, record: Record) -> Json:
        """The message as the Bot API shows it, with the message it replies to."""
        replied_id = record.reply_to
        if replied_id is None and chat.is_forum and record.id != record.topic:
            # A topic is the thread of the message that opened it: without another, that is replied to.
            replied_id = record.topic
        replied = chat.messages.get(replied_id) if replied_id is not None else None
        if replied is None or replied.deleted:
            return dict(record.payload)
        return {**record.payload, "reply_to_message": dict(replied.payload)}

    def note(self, chat: Chat, text: str, topic: int | None = None) -> None:
        """Write down something that happened in a chat, for the transcript."""
        chat.log.append(Entry("note", text, topic))

    # Updates

    def announce(self, chat: Chat, record: Record) -> int | None:
        """Tell the bot of a message. Of its own it hears when they are service messages."""
        return self.emit("message", self.render(chat, record))

    def emit(self, kind: str, body: Json) -> int | None:
        """Send an update to the bot; returns its id, or none when the bot did not ask for the kind."""
        if not self.updates.wants(kind):
            return None
        update: Json = {"update_id": self.updates.next_id, kind: body}
        if self.validate:
            validation.check_update(update)
        update_id = self.updates.add(update)
        self.touch()
        return update_id

    # Files

    def store(self, name: str, content: bytes, mime_type: str, folder: str) -> StoredFile:
        """Keep a file and give it an id."""
        file_id = "BQACAgIAAxk" + secrets.token_urlsafe(24)
        path = f"{folder}/file_{len(self.files)}{_suffix(name)}"
        stored = StoredFile(file_id, path, name, content, mime_type)
        self.files[file_id] = stored
        return stored

    # Waiting

    def touch(self) -> None:
        """Say that something happened."""
        self.activity += 1
        for watcher in self._watchers:
            if not watcher.done():
                watcher.set_result(None)

    async def changed(self, timeout_s: float) -> None:
        """Return when something happens, or after the time."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.add(watcher)
        try:
            await asyncio.wait({watcher}, timeout=timeout_s)
        finally:
            self._watchers.discard(watcher)

    def record_call(self, method: str, values: Json, error: ApiError | None) -> None:
        """Remember that the bot called a method."""
        said = error.description if error else None
        self.calls.append({"method": method, "params": values, "error": said, "at": time.monotonic()})


def _thread(chat: Chat, topic: int | None, reply_to: int | None) -> Json:
    """Where a message is.

    A reply outside of topics, in a supergroup, is in a thread of its own whose id is that of the
    thread's first message: a `message_thread_id` alone makes no topic.
    """
    if topic is not None:
        return {"message_thread_id": topic, "is_topic_message": True}
    if chat.kind == "supergroup" and reply_to is not None:
        replied = chat.messages.get(reply_to)
        root = replied.payload.get("message_thread_id", reply_to) if replied else reply_to
        return {"message_thread_id": root}
    return {}


def _suffix(name: str) -> str:
    _, dot, suffix = name.rpartition(".")
    return f".{suffix}" if dot and suffix.isalnum() else ""
