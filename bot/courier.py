"""Carries one row to Telegram, as well as the server takes it, and says how that went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    TelegramAPIError,
    TelegramMigrateToChat,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import TelegramMethod
from aiogram.types import Message
from aiohttp import ClientError
from pydantic import ValidationError

from bot.delivery import Form, Posted, Shape, editing, posting
from bot.outbox import Row
from bot.outgoing import Toast
from bot.refusals import Refusal, never_arrived, refusal_of
from shared.reasons import reason_of
from shared.redaction import Redactor

_TRIES_IN_FULL: Final = 5
"""A server that fails so often on one message is given its text alone: its markup may be the reason."""

_UNAUTHORIZED_S: Final = 30.0
"""A token that was taken back may be given back; asking faster than that helps nobody."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stands:
    """The message is what it should be."""

    message_id: int | None
    error: str | None = None
    """Why it is not all that it should be."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Nothing more can be done."""

    error: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """Telegram has forgotten the press that a toast answers."""

    error: str


@dataclass(frozen=True, slots=True)
class Lost:
    """The message to edit is not there or cannot be edited; what it should say has to be said anew."""

    error: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The chat is closed to the bot."""

    refusal: Refusal
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The group has become a supergroup."""

    chat_id: int


@dataclass(frozen=True, slots=True)
class TopicLost:
    """The topic was deleted or closed."""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing has happened; it can be done again."""

    reason: str
    after_s: float | None = None
    """What Telegram asks to wait; None for as long as one likes."""
    flood: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it has happened."""

    reason: str
    by_server: bool = False
    """Whether a server has said so, rather than the way to it."""


Outcome: TypeAlias = Stands | Dropped | TooLate | Lost | Closed | Moved | TopicLost | Later | Unknown


@dataclass(frozen=True, slots=True)
class Refused:
    """Telegram has understood the call, and said no."""

    refusal: Refusal
    reason: str


class Courier:
    """Makes the calls, in plainer forms as far as they are refused."""

    def __init__(self, bot: Bot) -> None:
        """Make it.

        Args:
            bot: The bot that speaks.
        """
        self._bot = bot
        self._redactor = Redactor([bot.token])
        """What goes wrong on the way is described with the address that was called, which has the token in it."""
        self._rich = True
        """Whether the server knows rich messages, as far as is known."""
        self._server_errors: Counter[int] = Counter()

    async def post(self, row: Row) -> Outcome:
        """Send a row as a new message, or show a toast."""
        return await self._show(row) if isinstance(row.content, Toast) else await self._carry(row, posting)

    async def edit(self, row: Row) -> Outcome:
        """Make the message of a row what it should be."""
        return await self._carry(row, editing)

    async def call(self, method: TelegramMethod[Any]) -> Stands | Refused | Moved | Later | Unknown:
        """Make one call, and say how it went."""
        try:
            result = await self._bot(method)
        except TelegramRetryAfter as error:
            return Later("flood", after_s=error.retry_after, flood=True)
        except TelegramMigrateToChat as error:
            return Moved(error.migrate_to_chat_id)
        except TelegramUnauthorizedError as error:
            log.error("telegram.refused", error=error.message)  # noqa: TRY400 - what it says is all there is
            return Later("unauthorized", after_s=_UNAUTHORIZED_S)
        except TelegramAPIError as error:
            refusal = refusal_of(error)
            if refusal is not None:
                return Refused(refusal, self._redactor.text(error.message))
            if never_arrived(error):
                return Later("unreachable")
            reason = self._redactor.text(error.message)
            return Unknown(reason, by_server=isinstance(error, TelegramServerError))
        except (OSError, ClientError) as error:
            return Unknown(self._redactor.text(str(error)) or type(error).__name__)
        return Stands(result.message_id if isinstance(result, (Posted, Message)) else None)

    async def _show(self, row: Row) -> Outcome:
        """Answer the press of a button: at most once, since Telegram forgets it after seconds."""
        match await self.call(posting(row, Shape(Form.FORMATTED))):
            case Refused(refusal=Refusal.QUERY_OLD, reason=reason):
                return TooLate(reason)
            case Refused(reason=reason) | Unknown(reason=reason) | Later(reason=reason, flood=True):
                return Dropped(reason)
            case outcome:
                return outcome

    async def _carry(self, row: Row, method: Callable[[Row, Shape], TelegramMethod[Any]]) -> Outcome:
        """Try one shape after the other, until one is taken or nothing plainer is left."""
        shape: Shape | None = self._first_shape(row)
        error: str | None = None
        while shape is not None:
            answer = await self._try(row, shape, method)
            if not isinstance(answer, Refused):
                return self._with_error(row, answer, error)
            ended = _end(row, answer)
            if ended is not None:
                return ended
            error = answer.reason
            shape = self._next_shape(shape, answer.refusal)
            log.warning(
                "message.refused",
                key=row.key,
                chat_id=row.chat_id,
                error=error,
                next_form=shape and shape.form.name,
            )
        return Dropped(error or "refused")

    async def _try(
        self, row: Row, shape: Shape, method: Callable[[Row, Shape], TelegramMethod[Any]]
    ) -> Stands | Refused | Moved | Later | Unknown:
        try:
            call = method(row, shape)
        except ValidationError as error:
            return Refused(Refusal.CONTENT, reason_of(error))
        return await self.call(call)

    def _with_error(self, row: Row, answer: Stands | Moved | Later | Unknown, error: str | None) -> Outcome:
        match answer:
            case Stands(message_id=message_id):
                self._server_errors.pop(row.id, None)
                return Stands(message_id or row.message_id, error)
            case Unknown(by_server=True):
                self._server_errors[row.id] += 1
        return answer

    def _first_shape(self, row: Row) -> Shape:
        assert not isinstance(row.content, Toast)  # noqa: S101
        if self._server_errors[row.id] >= _TRIES_IN_FULL:
            return Shape(Form.PLAIN)
        return Shape.best(row.content, rich=self._rich)

    def _next_shape(self, shape: Shape, refusal: Refusal) -> Shape | None:
        match refusal:
            case Refusal.METHOD if shape.form is Form.RICH:
                self._rich = False
            case Refusal.REPLY_GONE if shape.reply:
                return replace(shape, reply=False)
            case Refusal.LINK if shape.links:
                return replace(shape, links=False)
        return shape.plainer()


def _end(row: Row, answer: Refused) -> Outcome | None:
    """Return what a refusal comes to that no other shape would change."""
    match answer.refusal:
        case Refusal.NOT_MODIFIED:
            return Stands(row.message_id)
        case Refusal.MESSAGE_LOST if row.message_id is not None:
            return Lost(answer.reason)
        case Refusal.CHAT_BLOCKED | Refusal.CHAT_GONE:
            return Closed(answer.refusal, answer.reason)
        case Refusal.TOPIC_GONE if row.thread_id is not None:
            return TopicLost()
    return None
