"""What a test does with a fake Telegram, wherever it runs."""

from __future__ import annotations

import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tests.fakes.telegram.errors import Json, Value
from tests.fakes.telegram.messages import Message
from tests.fakes.telegram.people import Group, Person, Topic, place_of
from tests.fakes.telegram.validation import Mismatch

Found = TypeVar("Found")
Chatlike = Person | Group | Topic | int

LOOK_AGAIN_S = 0.05
"""How long to wait at most before a condition is looked at again: it may be about something else than Telegram."""


@dataclass(frozen=True)
class SetFault:
    """A fault that was set."""

    front: Telegram
    number: int

    @property
    def hits(self) -> int:
        """How often it has hit."""
        return int(self.front.act("fault_status", number=self.number)["hits"])

    def cancel(self) -> None:
        """Take it back."""
        self.front.act("cancel_fault", number=self.number)


class Telegram(ABC):
    """A fake Telegram: people, chats, faults, and what the bot did.

    Attributes:
        url: For `TELEGRAM_API_URL` and aiogram's `TelegramAPIServer.from_base`.
        token: For `TELEGRAM_BOT_TOKEN`.
        normalise: Applied to every transcript: replaces what varies from run to run.
    """

    url: str
    token: str
    normalise: Callable[[str], str] | None = None

    @abstractmethod
    def act(self, name: str, /, **params: Value) -> Value:
        """Do an action on the server (`actions.py`, `observations.py`)."""

    @abstractmethod
    async def _changed(self, timeout_s: float) -> None: ...

    # People and groups

    def user(
        self,
        user_id: int,
        first_name: str = "Ann",
        username: str | None = None,
        language_code: str = "en",
        last_name: str | None = None,
    ) -> Person:
        """A person. As in Telegram, the bot can write to them once they have written to it."""
        self.act(
            "user",
            user_id=user_id,
            first_name=first_name,
            last_name=last_name,
            username=username,
            language_code=language_code,
        )
        return Person(self, user_id, first_name)

    def group(self, title: str, *members: Person, bot_is_admin: bool = True) -> Group:
        """A basic group with the bot in it; the first member owns it."""
        return self._group(title, members, "group", False, bot_is_admin)

    def supergroup(self, title: str, *members: Person, bot_is_admin: bool = True) -> Group:
        """A supergroup with the bot in it."""
        return self._group(title, members, "supergroup", False, bot_is_admin)

    def forum(self, title: str, *members: Person, bot_is_admin: bool = True) -> Group:
        """A supergroup with topics, and the bot in it."""
        return self._group(title, members, "supergroup", True, bot_is_admin)

    # What was said

    def messages(
        self,
        chat: Chatlike,
        topic: Topic | int | None = None,
        *,
        by_bot: bool | None = None,
        deleted: bool = False,
    ) -> list[Message]:
        """The messages of a chat or topic, oldest first.

        Args:
            chat: A person (their private chat), a group, a topic or a chat's id.
            topic: Only this topic.
            by_bot: Only the bot's, or only people's.
            deleted: With those that were deleted.
        """
        chat_id, inner = place_of(chat, topic)
        found = self.act("messages", chat_id=chat_id, topic=inner, by_bot=by_bot, deleted=deleted)
        return [Message(self, chat_id, message_id) for message_id in found]

    def last(self, chat: Chatlike, topic: Topic | int | None = None) -> Message:
        """The bot's last message in a chat or topic.

        Raises:
            LookupError: There is none. In a condition of `until` that means "not yet".
        """
        return self.messages(chat, topic, by_bot=True)[-1]

    def find(self, chat: Chatlike, words: str, topic: Topic | int | None = None) -> Message:
        """The bot's last message with these words in it.

        Raises:
            LookupError: There is none.
        """
        for message in reversed(self.messages(chat, topic, by_bot=True)):
            if words in message.text:
                return message
        raise LookupError(f"the bot has not said {words!r}")

    def transcript(
        self, chat: Chatlike, topic: Topic | int | None = None, *, edits: bool = False, ids: bool = False
    ) -> str:
        """The conversation as a person would read it; see `transcript.py` for its form.

        Args:
            chat: A person (their private chat), a group, a topic or a chat's id.
            topic: Only this topic.
            edits: Every form a message had, instead of the last.
            ids: With message ids.
        """
        chat_id, inner = place_of(chat, topic)
        text: str = self.act("print_transcript", chat_id=chat_id, topic=inner, edits=edits, ids=ids)
        return self.normalise(text) if self.normalise else text

    def drafts(self, chat: Chatlike, topic: Topic | int | None = None) -> list[Json]:
        """The drafts of a private chat: `id`, `texts`, `can_stop`, `stopped`, `shown`."""
        chat_id, inner = place_of(chat, topic)
        found: list[Json] = self.act("drafts", chat_id=chat_id, topic=inner)
        return found

    def chat(self, chat: Chatlike) -> Json:
        """What else is to know of a chat: `pinned`, `actions`, `bot_status`, `migrated_to`."""
        state: Json = self.act("chat_state", chat_id=place_of(chat)[0])
        return state

    def commands(self, scope: Json | None = None, language_code: str = "") -> list[Json] | None:
        """The menu of a scope and language; none when it was not set."""
        found: list[Json] | None = self.act("commands", scope=scope, language_code=language_code)
        return found

    # What the bot did

    def calls(self, method: str | None = None) -> list[Json]:
        """The bot's calls, oldest first: `method`, `params`, `error` (its description, or none), `at` (monotonic seconds)."""
        found: list[Json] = self.act("calls", method=method)
        return found

    @property
    def pending_updates(self) -> list[Json]:
        """Updates that the bot has not confirmed."""
        found: list[Json] = self.act("pending_updates")
        return found

    @property
    def is_polled(self) -> bool:
        """Whether the bot is waiting for updates right now."""
        return bool(self.act("is_polled"))

    @property
    def violations(self) -> list[Json]:
        """Calls that were more than Telegram allows: `limit`, `method`, `chat_id`, `retry_after`."""
        found: list[Json] = self.act("violations")
        return found

    @property
    def webhook(self) -> Json:
        """Where updates are posted to: `url`, `secret_token`, `delivered`, `last_error_message`."""
        state: Json = self.act("webhook_state")
        return state

    # What goes wrong

    def fail(
        self,
        method: str | None = None,
        times: int | None = 1,
        *,
        chat: Chatlike | None = None,
        skip: int = 0,
        status: int | None = None,
        description: str | None = None,
        cut: bool = False,
        after_effect: bool = False,
        retry_after: int | None = None,
        slow_s: float = 0.0,
        missing: bool = False,
    ) -> SetFault:
        """Let calls of the bot go wrong.

        Args:
            method: The method it is for; none for all.
            times: How many calls; none until it is cancelled.
            chat: Only calls to this chat.
            skip: Let so many pass first.
            status: Answer with this HTTP status.
            description: And this text.
            cut: Break the connection; nothing was done.
            after_effect: Do it, and break the connection before the answer: the bot cannot know.
            retry_after: Answer 429.
            slow_s: Wait so long first; alone, the call succeeds afterwards.
            missing: Answer as a server without the method.
        """
        number = self.act(
            "fail",
            method=method,
            times=times,
            chat=place_of(chat)[0] if chat is not None else None,
            skip=skip,
            status=status,
            description=description,
            cut=cut,
            after_effect=after_effect,
            retry_after=retry_after,
            slow_s=slow_s,
            missing=missing,
        )
        return SetFault(self, number)

    def limit(self, on: bool = True, **limits: int) -> None:
        """Switch flood limits on; `per_second`, `chat_burst` and `group_per_minute` change them."""
        self.act("set_limits", on=on, **limits)

    def deliver_again(self, update_id: int, times: int = 1) -> None:
        """Deliver an update once more, or several times, although the bot has confirmed it."""
        self.act("deliver_again", update_id=update_id, times=times)

    def enqueue(self, update: Json, *, validate: bool = True) -> int:
        """Append a raw update; without an `update_id` it gets the next, with a lower one it comes late."""
        return int(self.act("enqueue", update=update, validate=validate))

    def hold_updates(self) -> None:
        """Keep new updates back until `release_updates`."""
        self.act("hold_updates")

    def release_updates(self, *, reverse: bool = False) -> None:
        """Deliver what was kept back, the newest first if `reverse`."""
        self.act("release_updates", reverse=reverse)

    # Waiting

    async def until(
        self, condition: Callable[[], Found | Awaitable[Found]], timeout: float = 10.0, what: str = ""
    ) -> Found:
        """Wait for a condition to be true; it is looked at after every call of the bot.

        Args:
            condition: May be asynchronous; a `LookupError` in it means "not yet".
            timeout: In seconds.
            what: Said when it does not come true.

        Returns:
            What the condition returned.

        Raises:
            TimeoutError: It did not come true; with all conversations so far.
            Mismatch: The server said something that Telegram would not say.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = await _looked_at(condition)
            self.check()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"{what or 'the condition'} did not come true in {timeout} s.\n{self._all()}"
                )
            await self._changed(min(left, LOOK_AGAIN_S))

    def check(self) -> None:
        """Raise if the server said something that Telegram would not say.

        Raises:
            Mismatch: It did.
        """
        if found := self.act("mismatches"):
            raise Mismatch("\n".join(found))

    def _group(
        self, title: str, members: tuple[Person, ...], kind: str, is_forum: bool, bot_is_admin: bool
    ) -> Group:
        ids = [person.id for person in members]
        chat_id = self.act(
            "group", title=title, members=ids, kind=kind, is_forum=is_forum, bot_is_admin=bot_is_admin
        )
        return Group(self, chat_id, title, ids[0] if ids else 0)

    def _all(self) -> str:
        return "\n".join(self.transcript(chat_id, ids=True) for chat_id in self.act("chat_ids"))


async def _looked_at(condition: Callable[[], Found | Awaitable[Found]]) -> Found | None:
    try:
        found = condition()
        if inspect.isawaitable(found):
            return await found
    except LookupError:
        return None
    else:
        return found
