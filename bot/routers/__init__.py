"""What becomes of each update: a few lines each, by topic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiogram import Bot, Router

from bot.drafts import Drafts
from bot.files import Files
from bot.hearing import Hearing
from bot.menu import Menu
from bot.reservation import Reservation
from bot.routers.buttons import buttons
from bot.routers.files import files
from bot.routers.forus import ForUs
from bot.routers.membership import membership
from bot.routers.messages import messages
from bot.routers.stops import stops
from bot.routers.topics import topics
from bot.topics import Topics
from graph.conversation import Conversation, Feed
from shared.database import Database
from shared.ids import SessionId

__all__ = ["Parts", "routers"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the routers work with."""

    database: Database
    bot: Bot
    token: int
    """The lease by which this process speaks."""
    conversation: Conversation
    feed: Feed
    menu: Menu
    drafts: Drafts
    files: Files
    wake_sender: Callable[[int], None]
    """Told the chat for which something was written to the outbox."""
    reserve: Callable[[int], Reservation | None]
    """Keeps a chat for an answer, where it may."""
    deliver: Callable[[SessionId], Awaitable[None]]
    """Brings what is new in a session into the outbox."""


def routers(parts: Parts) -> list[Router]:
    """Return the routers, in the order in which they are asked.

    Handlers get the update that stands in the inbox as `arrived`. An update that no router takes is
    nothing for us, and is handled with that.
    """
    opening = Topics(parts.database, parts.bot, token=parts.token, wake_sender=parts.wake_sender)
    hearing = Hearing(
        parts.database,
        parts.bot,
        parts.conversation,
        parts.feed,
        opening,
        parts.menu,
        wake_sender=parts.wake_sender,
        reserve=parts.reserve,
        deliver=parts.deliver,
    )
    said = Router(name="said")
    said.message.filter(ForUs(parts.database, opening))
    said.include_routers(messages(hearing), files(parts.database, parts.files, hearing))
    return [
        topics(parts.database),
        said,
        buttons(parts.database, hearing),
        membership(parts.database, hearing, wake_sender=parts.wake_sender),
        stops(parts.drafts),
    ]
