"""What a handler is given: an update that stands in the inbox, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiogram.types import Update

from bot.places import Place
from shared.ids import SessionId
from shared.ledger.users import User


@dataclass(frozen=True, slots=True)
class Arrived:
    """An update from the inbox. Handlers get it by the name `arrived`."""

    inbox_id: int
    update: Update
    session_id: SessionId
    """The session of the place where it came in."""
    user: User
    """Who sent it, as the users table knows them."""
    place: Place
    trace_id: str
    received_at: datetime
    """When it was stored, by the database."""
    again: bool = False
    """Whether it was handled before, and not to its end."""

    @property
    def reply_to(self) -> int | None:
        """The message that an answer replies to where several people read it."""
        message = self.update.message
        return message.message_id if message is not None and self.place.in_group else None

    @property
    def external_id(self) -> str:
        """The number under which the inbox has it: `Message.external_id` must be the same.

        Another bot numbers its updates anew. What is caused by one is named by `inbox_id`.
        """
        return str(self.update.update_id)
