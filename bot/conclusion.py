"""What has become of a row after a call, and what that means for its whole chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import assert_never

import structlog

from bot import chats, dispatch, known_topics, outbox
from bot.chats import is_group
from bot.courier import Closed, Dropped, Later, Lost, Moved, Outcome, Stands, TooLate, TopicLost, Unknown
from bot.dispatch import Mark
from bot.holds import Holds
from bot.metrics import DROPPED, RETRIED
from bot.outbox import Row, RowStatus
from bot.outgoing import Toast, Words
from bot.places import FRONT, Place
from bot.refusals import Refusal
from shared.database import Connection, Database
from shared.lease import assert_lease
from shared.outages import outlast

log = structlog.get_logger(__name__)


class Conclusion:
    """Draws the conclusion from each outcome: what is recorded, and what the chat is from now on."""

    def __init__(self, database: Database, holds: Holds, *, token: int, wake: Callable[[int], None]) -> None:
        """Make it.

        Args:
            database: Where chats and the outbox are.
            holds: Which chats have to wait.
            token: The lease by which this process speaks.
            wake: Called with a chat that has something to send now.
        """
        self._database = database
        self._holds = holds
        self._token = token
        self._wake = wake

    async def of(self, row: Row, outcome: Outcome) -> Mark | None:
        """Return what is to be recorded of a row; do at once what an outcome means for its whole chat.

        Returns:
            None where nothing is to be recorded: the row stays as it is, and is taken again.
        """
        match outcome:
            case Stands(message_id=message_id, error=error):
                self._holds.succeeded(row.chat_id)
                return Mark(row, RowStatus.SENT, message_id, row.revision, error)
            case Dropped(error=error):
                return dropped(row, error)
            case TooLate(error=error):
                await self._explain_late(row)
                return dropped(row, error)
            case Lost(error=error):
                return await self._say_anew(row, error)
            case Closed(refusal=Refusal.CHAT_BLOCKED, reason=reason):
                await self._change(partial(chats.blocked, chat_id=row.chat_id, reason=reason))
            case Closed(reason=reason):
                await self._change(partial(chats.gone, chat_id=row.chat_id, reason=reason))
            case Moved(chat_id=new):
                await self._change(partial(chats.moved, old=row.chat_id, new=new))
                self._wake(new)
            case TopicLost():
                assert row.thread_id is not None  # noqa: S101 - it was what is gone
                await self._change(partial(known_topics.gone, chat_id=row.chat_id, thread_id=row.thread_id))
                return anew(row, None)
            case Later():
                await self.wait(row, outcome)
                return again(row)
            case Unknown(reason=reason):
                self._retry(row, reason)
            case unknown:
                assert_never(unknown)
        return None

    async def _explain_late(self, row: Row) -> None:
        """Say in the chat what a press was to be told, since it can be told no more.

        In a group it was for the eyes of whoever pressed, and is left.
        """
        if not isinstance(row.content, Toast) or not row.content.text or is_group(row.chat_id):
            return
        words = Words(text=row.content.text, silent=True)
        await self._change(
            partial(
                outbox.put,
                key=f"late:{row.key}",
                place=Place(row.chat_id, row.thread_id),
                content=words,
                solicited=True,
                session_id=row.session_id,
            )
        )

    async def _say_anew(self, row: Row, error: str) -> Mark:
        """Send what can no longer be edited as a new message, unless a later one has overtaken it."""
        if row.is_progress and await outlast(partial(self._is_superseded, row)):
            return Mark(row, RowStatus.SENT, row.message_id, row.revision, error)
        RETRIED.labels("lost").inc()
        log.info("message.lost", key=row.key, chat_id=row.chat_id, error=error)
        return anew(row, error)

    async def _is_superseded(self, row: Row) -> bool:
        async with self._database.connection() as connection:
            return await dispatch.is_superseded(connection, row)

    async def wait(self, row: Row, outcome: Later) -> None:
        """Have the chat of a call that did not happen wait as long as Telegram wants."""
        if outcome.after_s is None:
            self._retry(row, outcome.reason)
            return
        RETRIED.labels(outcome.reason).inc()
        log.warning(
            "message.delayed", key=row.key, chat_id=row.chat_id, reason=outcome.reason, by_s=outcome.after_s
        )
        if not outcome.flood:
            self._holds.failed(row.chat_id)
            self._holds.hold(row.chat_id, outcome.after_s)
            return
        if self._holds.flooded(row.chat_id, outcome.after_s):
            log.warning("sender.delayed", by_s=outcome.after_s)
        await self._change(partial(chats.paused, chat_id=row.chat_id, seconds=outcome.after_s))

    def _retry(self, row: Row, reason: str) -> None:
        RETRIED.labels("failed").inc()
        after_s = self._holds.failed(row.chat_id)
        log.warning(
            "message.retried", key=row.key, chat_id=row.chat_id, error=reason, after_s=round(after_s, 1)
        )

    async def _change(self, write: Callable[[Connection], Awaitable[object]]) -> None:
        """Write what concerns a whole chat, unless somebody else speaks now."""

        async def attempt() -> None:
            async with self._database.transaction() as tx:
                await assert_lease(tx, FRONT, self._token)
                await write(tx)

        await outlast(attempt)


def again(row: Row) -> Mark:
    """What nothing has happened to."""
    status = RowStatus.PENDING if row.status is RowStatus.SENDING else row.status
    return Mark(row, status, row.message_id, row.sent_revision, row.error)


def anew(row: Row, error: str | None) -> Mark:
    """What has to be said as a new message."""
    return Mark(row, RowStatus.PENDING, None, 0, error)


def dropped(row: Row, error: str) -> Mark:
    """What will not be said; a message that stands already stays as it is."""
    DROPPED.labels(row.content.type).inc()
    log.warning("message.dropped", key=row.key, chat_id=row.chat_id, error=error)
    if row.message_id is not None:
        return Mark(row, RowStatus.SENT, row.message_id, row.revision, error)
    return Mark(row, RowStatus.DROPPED, None, row.sent_revision, error)
