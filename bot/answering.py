"""An answer of which nothing else comes, told in the transaction that gives it."""

from __future__ import annotations

import structlog

from bot import replies
from bot.arrived import Arrived
from bot.origins import origin_of
from bot.places import READER, Place
from graph.conversation import Feed, FeedItem, Kind
from shared.database import Connection
from shared.ledger.sessions import Session

log = structlog.get_logger(__name__)


class Answering:
    """Tells what one message is answered, where everything before it was told.

    Most of what people say only looks, and its answer need not go round by the notifier, which costs as
    much as answering itself. What is not told here the notifier finds, under the same key.
    """

    def __init__(self, feed: Feed, arrived: Arrived, *, username: str) -> None:
        """Put it together.

        Args:
            feed: Knows how far a session was told.
            arrived: What is answered.
            username: The bot's, to which links lead.
        """
        self._feed = feed
        self._arrived = arrived
        self._username = username
        self.told: Place | None = None
        """Where there is something to send, once the transaction is committed."""

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
        await replies.put(tx, item.key, reply, contents, place=place, session_id=session.id, solicited=True)
        self.told = place
        return True
