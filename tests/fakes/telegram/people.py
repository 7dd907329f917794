"""People, groups and topics, as a test holds them: what people do in Telegram."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from tests.fakes.telegram.errors import Json
from tests.fakes.telegram.messages import Message, Press, Server


@dataclass(frozen=True)
class Topic:
    """A topic of a forum or a private chat."""

    server: Server
    chat_id: int
    id: int
    name: str

    def delete(self) -> None:
        """Delete it with its messages."""
        self.server.act("delete_topic", chat_id=self.chat_id, topic_id=self.id)

    def close(self, by: Person) -> None:
        """Close it by hand."""
        self.server.act("close_topic", chat_id=self.chat_id, topic_id=self.id, by=by.id, closed=True)


@dataclass(frozen=True)
class Group:
    """A basic group, a supergroup or a forum, with the bot in it."""

    server: Server
    id: int
    title: str
    owner_id: int

    def topic(self, name: str, by: Person | None = None) -> Topic:
        """Open a topic by hand; the owner does it unless `by` is given."""
        opener = by.id if by else self.owner_id
        return Topic(
            self.server, self.id, self.server.act("topic", chat_id=self.id, name=name, by=opener), name
        )

    @property
    def topics(self) -> list[Topic]:
        """All topics that are there, the bot's as well."""
        found = self.server.act("topics", chat_id=self.id)
        return [Topic(self.server, self.id, t["id"], t["name"]) for t in found if not t["deleted"]]

    def migrate(self) -> Group:
        """Turn a basic group into a supergroup; the group with the new id."""
        new_id = self.server.act("migrate", chat_id=self.id, by=self.owner_id)
        return Group(self.server, new_id, self.title, self.owner_id)

    def delete(self) -> None:
        """Delete the group."""
        self.server.act("delete_chat", chat_id=self.id)

    def kick_bot(self) -> int | None:
        """Throw the bot out; the update that says so."""
        return self._bot_becomes("kicked")

    def promote_bot(self, status: str = "administrator") -> int | None:
        """Make the bot an administrator, or a plain `member`."""
        return self._bot_becomes(status)

    def _bot_becomes(self, status: str) -> int | None:
        update: int | None = self.server.act("kick_bot", chat_id=self.id, by=self.owner_id, status=status)
        return update


@dataclass(frozen=True)
class Person:
    """Somebody with Telegram on their phone. The id is also the id of their chat with the bot."""

    server: Server
    id: int
    first_name: str

    def say(
        self,
        text: str,
        chat: Person | Group | Topic | int | None = None,
        topic: Topic | int | None = None,
        reply_to: Message | int | None = None,
        entities: list[Json] | None = None,
    ) -> Message:
        """Write a text, to the bot itself unless `chat` is given.

        Args:
            text: What is written; commands, links and mentions become entities by themselves.
            chat: A group or a topic.
            topic: A topic of that chat, where `chat` is none.
            reply_to: The message it answers.
            entities: Formatting, in UTF-16 units.

        Returns:
            The message; its `update_id` is the update that brings it to the bot.
        """
        place = self._place(chat, topic)
        sent = self.server.act(
            "say", user_id=self.id, text=text, reply_to=_id(reply_to), entities=entities, **place
        )
        return Message(self.server, place["chat_id"], sent["message_id"], sent["update_id"])

    def press(self, message: Message, button: str) -> Press:
        """Press an inline button, named by its label or its callback data.

        A button that the message had before can be pressed too: it may still be on a screen.

        Raises:
            LookupError: The message never had such a button.
        """
        pressed = self.server.act(
            "press", user_id=self.id, chat_id=message.chat_id, message_id=message.id, button=button
        )
        return Press(self.server, pressed["query_id"], pressed["update_id"])

    def send_document(
        self,
        name: str,
        content: bytes,
        caption: str | None = None,
        chat: Person | Group | Topic | int | None = None,
        topic: Topic | int | None = None,
        reply_to: Message | int | None = None,
    ) -> Message:
        """Send a file."""
        return self._send_file("document", name, content, caption, self._place(chat, topic), reply_to)

    def send_album(
        self,
        files: Mapping[str, bytes],
        caption: str | None = None,
        chat: Person | Group | Topic | int | None = None,
        topic: Topic | int | None = None,
    ) -> list[Message]:
        """Send several files at once, which come one by one; the caption stands under the first."""
        place, album = self._place(chat, topic), str(secrets.randbits(48))
        return [
            self._send_file(
                "document", name, content, caption if number == 0 else None, place, None, album=album
            )
            for number, (name, content) in enumerate(files.items())
        ]

    def send_photo(
        self,
        content: bytes,
        caption: str | None = None,
        chat: Person | Group | Topic | int | None = None,
        topic: Topic | int | None = None,
        reply_to: Message | int | None = None,
    ) -> Message:
        """Send a photo, which comes in two sizes."""
        return self._send_file("photo", "photo.jpg", content, caption, self._place(chat, topic), reply_to)

    def send_voice(
        self,
        content: bytes = b"OggS",
        chat: Person | Group | Topic | int | None = None,
        topic: Topic | int | None = None,
        reply_to: Message | int | None = None,
    ) -> Message:
        """Send a voice message."""
        return self._send_file("voice", "voice.ogg", content, None, self._place(chat, topic), reply_to)

    def edit(self, message: Message, text: str) -> Message:
        """Change one's own message; returns it with the update that says so."""
        sent = self.server.act(
            "edit", user_id=self.id, chat_id=message.chat_id, message_id=message.id, text=text
        )
        return Message(self.server, message.chat_id, message.id, sent["update_id"])

    def delete(self, message: Message) -> None:
        """Delete one's own message; the bot is not told."""
        self.server.act("delete_own", user_id=self.id, chat_id=message.chat_id, message_id=message.id)

    def forward(
        self,
        message: Message,
        chat: Person | Group | Topic | int | None = None,
        topic: Topic | int | None = None,
    ) -> Message:
        """Forward a message to the bot, or into a group."""
        place = self._place(chat, topic)
        sent = self.server.act(
            "forward", user_id=self.id, from_chat=message.chat_id, message_id=message.id, **place
        )
        return Message(self.server, place["chat_id"], sent["message_id"], sent["update_id"])

    def topic(self, name: str) -> Topic:
        """Open a topic in the private chat with the bot."""
        opened = self.server.act("topic", chat_id=self.id, name=name, by=self.id)
        return Topic(self.server, self.id, opened, name)

    @property
    def topics(self) -> list[Topic]:
        """The topics of the private chat, the bot's as well."""
        found = self.server.act("topics", chat_id=self.id)
        return [Topic(self.server, self.id, t["id"], t["name"]) for t in found if not t["deleted"]]

    def block_bot(self) -> int | None:
        """Block the bot; the update that says so."""
        update: int | None = self.server.act("block", user_id=self.id, blocked=True)
        return update

    def unblock_bot(self) -> int | None:
        """Let the bot in again."""
        update: int | None = self.server.act("block", user_id=self.id, blocked=False)
        return update

    def stop_draft(self, topic: Topic | int | None = None, draft_id: int | None = None) -> int | None:
        """Press the stop button of the draft on the screen; the update that says so."""
        update: int | None = self.server.act(
            "stop_draft", user_id=self.id, topic=_id(topic), draft_id=draft_id
        )
        return update

    def join(self, group: Group, status: str = "member") -> int | None:
        """Join a group, as `member` or `administrator`; `left` leaves it."""
        update: int | None = self.server.act("join", user_id=self.id, chat_id=group.id, status=status)
        return update

    def delete_account(self) -> None:
        """Be gone from Telegram."""
        self.server.act("delete_chat", chat_id=self.id)

    def _place(self, chat: Person | Group | Topic | int | None, topic: Topic | int | None) -> Json:
        chat_id, inner = place_of(self if chat is None else chat, topic)
        return {"chat_id": chat_id, "topic": inner}

    def _send_file(
        self,
        kind: str,
        name: str,
        content: bytes,
        caption: str | None,
        place: Json,
        reply_to: Message | int | None,
        album: str | None = None,
    ) -> Message:
        sent = self.server.act(
            "send_file",
            user_id=self.id,
            kind=kind,
            name=name,
            content=base64.b64encode(content).decode(),
            caption=caption,
            reply_to=_id(reply_to),
            album=album,
            **place,
        )
        return Message(self.server, place["chat_id"], sent["message_id"], sent["update_id"])


def place_of(chat: Person | Group | Topic | int, topic: Topic | int | None = None) -> tuple[int, int | None]:
    """The ids of a chat and of the topic in it."""
    if isinstance(chat, Topic):
        return chat.chat_id, chat.id
    return (chat if isinstance(chat, int) else chat.id), _id(topic)


def _id(thing: Message | Topic | int | None) -> int | None:
    return thing if isinstance(thing, int) or thing is None else thing.id
