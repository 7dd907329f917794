"""An answer of which nothing else comes, told in the transaction that gives it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import structlog

from bot import replies
from bot.arrived import Arrived
from bot.origins import origin_of
from bot.outbox import Row
from bot.places import READER, Place
from bot.reservation import Reservation
from graph.conversation import Feed, FeedItem, Kind
from shared.database import Connection
from shared.ledger.sessions import Session

log = structlog.get_logger(__name__)


class Answering:
    """Tells what one message is answered, where everything before it was told.

    Most of what people say only looks, and its answer need not go round by the notifier, which costs as
    much as answering itself. What is not told here the notifier finds, under the same key.
    """

    def __init__(
        self,
        feed: Feed,
        arrived: Arrived,
        *,
        username: str,
        reserve: Callable[[int], Reservation | None],
        wake_sender: Callable[[int], None],
    ) -> None:
        """Put it together.

        Args:
            feed: Knows how far a session was told.
            arrived: What is answered.
            username: The bot's, to which links lead.
            reserve: Keeps the chat for the answer.
            wake_sender: Told the chat for which there is something to send.
        """
        self._feed = feed
        self._arrived = arrived
        self._username = username
        self._reserve = reserve
        self._wake_sender = wake_sender
        self._reservation: Reservation | None = None
        self._taken: Row | None = None
        """What is to be sent as soon as the transaction is committed."""
        self._goes_on = False
        """Whether more messages follow it."""
        self._told: Place | None = None

    @property
    def told(self) -> bool:
        """Whether the answer was told here."""
        return self._told is not None

    def __enter__(self) -> Self:
        """Answer inside the block; what was told there is sent as soon as it is left."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let what was told be sent. After an error nobody knows whether it was: the sender looks."""
        if self._reservation is not None and self._taken is not None and kind is None:
            self._reservation.send(self._taken)
            if self._goes_on:
                self._wake_sender(self._taken.chat_id)
        elif self._reservation is not None:
            self._reservation.release(self._taken)
        elif self._told is not None:
            self._wake_sender(self._told.chat_id)

    async def tell(self, tx: Connection, session: Session, item: FeedItem) -> bool:
        """Write the answer into the outbox, in the transaction that gives it; return whether it was written."""
        message, reply = self._arrived.update.message, item.reply
        if message is None or reply is None or reply.kind is not Kind.ANSWER:
            return False
        if reply.followed is not None or reply.ended is not None:
            return False
        place, origin = Place.parse(session.external_key), origin_of(self._arrived.inbox_id, message)
        try:
            contents = replies.contents_of(
                reply,
                place,
                username=self._username,
                to=replies.addressee(origin, place),
                reply_to=replies.replied_to(origin, place),
            )
        except Exception:
            # The notifier will find it, and say something else instead.
            log.exception("answer.untold", key=item.key)
            return False
        if not await self._feed.shown_at_once(item, READER, tx=tx):
            return False
        self._told, self._goes_on = place, len(contents) > 1
        self._reservation = self._reserve(place.chat_id)
        self._taken = await replies.put(
            tx,
            item.key,
            reply,
            contents,
            place=place,
            session_id=session.id,
            solicited=True,
            token=self._reservation.token if self._reservation is not None else None,
        )
        return True
