"""Messages and pressed buttons, as a test holds them.

They hold ids alone and ask the server for the rest, so they are always up to date, and are the same
whether the server runs in this process or in another.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Protocol

from tests.fakes.telegram.errors import Json, Value


class Server(Protocol):
    """Whatever can do an action and tell its outcome."""

    def act(self, name: str, /, **params: Value) -> Value:
        """Do something on the server; parameters and outcome are plain JSON."""
        ...


class Somebody(Protocol):
    """A person, by what Telegram knows them by."""

    @property
    def id(self) -> int:
        """Their number."""
        ...


@dataclass(frozen=True)
class Answer:
    """What the bot said to somebody who pressed a button."""

    text: str
    show_alert: bool
    url: str | None


@dataclass(frozen=True)
class Message:
    """A message in a chat. Everything but its place is read from the server each time.

    Args:
        update_id: For a message of a person, the update that brought it to the bot.
    """

    server: Server
    chat_id: int
    id: int
    update_id: int | None = None

    @property
    def raw(self) -> Json:
        """The message as the Bot API shows it."""
        raw: Json = self._state["payload"]
        return raw

    @property
    def text(self) -> str:
        """Its words: the text, the caption, or a rich message read aloud."""
        return str(self._state["text"])

    @property
    def texts(self) -> list[str]:
        """Its words in every form it had, the first to the present one."""
        return list(self._state["texts"])

    @property
    def entities(self) -> list[Json]:
        """The entities of its text or caption."""
        raw = self.raw
        entities: list[Json] = raw["entities"] if "entities" in raw else raw.get("caption_entities", [])
        return entities

    @property
    def buttons(self) -> list[list[str]]:
        """The labels of its inline buttons, row by row."""
        return [[button["text"] for button in row] for row in self.keyboard]

    @property
    def keyboard(self) -> list[list[Json]]:
        """Its inline buttons, row by row."""
        rows: list[list[Json]] = self.raw.get("reply_markup", {}).get("inline_keyboard", [])
        return rows

    @property
    def markup(self) -> Json | None:
        """Its keyboard of whatever kind, `force_reply` for instance."""
        markup: Json | None = self._state["markup"]
        return markup

    def asks(self, person: Somebody) -> bool:
        """Whether it shows the person a reply to write.

        A selective prompt in a group shows it to who is named in its text or has written what it
        replies to, and to nobody else.
        """
        markup = self.markup or {}
        if not markup.get("force_reply"):
            return False
        if not markup.get("selective") or self.chat_id > 0:
            return True
        named = {one["user"]["id"] for one in self.entities if one["type"] == "text_mention"}
        replied = self.reply_to
        return person.id in named or (replied is not None and replied.raw["from"]["id"] == person.id)

    @property
    def reply_to(self) -> Message | None:
        """The message it replies to."""
        replied = self._state["reply_to"]
        return Message(self.server, self.chat_id, replied) if replied is not None else None

    @property
    def topic(self) -> int | None:
        """The topic it is in."""
        topic: int | None = self._state["topic"]
        return topic

    @property
    def by_bot(self) -> bool:
        """Whether the bot wrote it."""
        return bool(self._state["by_bot"])

    @property
    def deleted(self) -> bool:
        """Whether it was deleted."""
        return bool(self._state["deleted"])

    @property
    def edits(self) -> int:
        """How often it was edited."""
        return len(self._state["texts"]) - 1

    @property
    def document(self) -> tuple[str, bytes] | None:
        """The name and content of the file in it."""
        document = self.raw.get("document")
        if document is None:
            return None
        return document["file_name"], base64.b64decode(
            self.server.act("file_content", file_id=document["file_id"])
        )

    @property
    def _state(self) -> Json:
        state: Json = self.server.act("message", chat_id=self.chat_id, message_id=self.id)
        return state


@dataclass(frozen=True)
class Press:
    """A button that was pressed."""

    server: Server
    query_id: str
    update_id: int | None

    @property
    def answer(self) -> Answer | None:
        """What the bot said to it; none until it has answered."""
        answers = self.answers
        return answers[0] if answers else None

    @property
    def answers(self) -> list[Answer]:
        """All the bot said to it; people see the first."""
        return [Answer(**answer) for answer in self.server.act("answers", query_id=self.query_id)]

    def expire(self) -> None:
        """Let it be too late to answer it."""
        self.server.act("expire_query", query_id=self.query_id)
