"""What the server remembers: chats, topics, messages, drafts, pressed buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.telegram.errors import Json

ChatKind = Literal["private", "group", "supergroup"]
TOPIC_COLOR = 7322096


@dataclass
class Record:
    """One message, with every form it had.

    Args:
        payload: The message as the Bot API shows it, without the message it replies to.
        sender_id: Who wrote it; the bot's own id for its messages.
        topic: The topic it is in; none in the general topic and outside of forums.
        reply_to: The id of the message it replies to.
        markup: The keyboard, also of the kinds that answers do not show (force reply).
        versions: Its contents from the first to the present one.
    """

    payload: Json
    sender_id: int
    topic: int | None = None
    reply_to: int | None = None
    markup: Json | None = None
    versions: list[Json] = field(default_factory=list)
    deleted: bool = False

    @property
    def id(self) -> int:
        """The message's id in its chat."""
        return int(self.payload["message_id"])

    def remember(self) -> None:
        """Keep the present content as a version."""
        self.versions.append(content_of(self.payload))


CONTENT = ("text", "entities", "rich_message", "caption", "caption_entities", "document", "reply_markup")


def content_of(payload: Json) -> Json:
    """What an edit can change, and what decides whether it changed anything."""
    return {name: payload[name] for name in CONTENT if name in payload}


@dataclass
class Topic:
    """A topic of a forum or of a private chat; its id is the id of the message that opened it."""

    id: int
    name: str
    icon_color: int = TOPIC_COLOR
    icon_custom_emoji_id: str | None = None
    closed: bool = False
    deleted: bool = False

    def as_json(self) -> Json:
        """The `ForumTopic` object."""
        body: Json = {"message_thread_id": self.id, "name": self.name, "icon_color": self.icon_color}
        if self.icon_custom_emoji_id:
            body["icon_custom_emoji_id"] = self.icon_custom_emoji_id
        return body


@dataclass
class Draft:
    """A message that is still being written, as the person sees it grow."""

    id: int
    topic: int | None
    texts: list[str] = field(default_factory=list)
    can_stop: bool = False
    keep_on_stop: bool = False
    stopped: bool = False
    shown: bool = True


@dataclass
class Query:
    """A button that was pressed, and what the bot said to whoever pressed it."""

    id: str
    user_id: int
    chat_id: int
    message_id: int
    label: str
    data: str
    version: int
    update_id: int | None = None
    asked_at: float = 0.0
    expired: bool = False
    answers: list[Json] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """One line of a chat's history: a message, a press, a draft, or something that happened."""

    kind: Literal["message", "press", "draft", "note"]
    ref: int | str
    topic: int | None = None


@dataclass
class Chat:
    """A private chat, a basic group or a supergroup, which may be a forum."""

    id: int
    kind: ChatKind
    title: str
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None
    is_forum: bool = False
    members: dict[int, str] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    messages: dict[int, Record] = field(default_factory=dict)
    drafts: dict[tuple[int | None, int], Draft] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    pinned: list[int] = field(default_factory=list)
    actions: list[tuple[int | None, str]] = field(default_factory=list)
    last_message_id: int = 0
    started: bool = False
    blocked: bool = False
    deleted: bool = False
    bot_status: Literal["administrator", "member", "left", "kicked"] = "administrator"
    migrated_to: int | None = None

    def as_json(self) -> Json:
        """The `Chat` object."""
        body: Json = {"id": self.id, "type": self.kind}
        if self.kind != "private":
            body["title"] = self.title
        for name in ("first_name", "last_name", "username"):
            if value := getattr(self, name):
                body[name] = value
        if self.is_forum:
            body["is_forum"] = True
        return body

    def topic_is_open(self, topic: int) -> bool:
        """Whether messages may be sent to the topic."""
        found = self.topics.get(topic)
        return found is not None and not found.deleted
