"""A question's message after it was answered, or is not asked any more."""

from __future__ import annotations

from datetime import datetime

from aiogram.utils.formatting import BlockQuote, DateTime
from aiogram.utils.formatting import Text as Node

from bot.outgoing import TEXT_LIMIT, Words
from bot.rendering.blocks import plain
from bot.rendering.splitting import ENTITIES_LIMIT, Piece, piece_of, split
from bot.rendering.text import cut, units
from graph.conversation.replies import Reply
from graph.conversation.texts.words import clock

_MOST = 900
"""UTF-16 code units of what is said about the end; a long comment is known to its writer."""

_GAP = "\n\n"


def render_decided(shown: Words, closing: Reply, *, at: datetime | None = None) -> Words:
    """Return what a question's message becomes: its text, no buttons, and who decided what and when.

    Args:
        shown: The message as it stands.
        closing: What became of the question.
        at: When that was; shown by each reader's own clock.
    """
    end = piece_of(BlockQuote(cut(plain(closing.blocks, "\n"), _MOST), *_when(at)))
    kept = _kept(shown, TEXT_LIMIT - units(end.text) - units(_GAP), ENTITIES_LIMIT - len(end.entities))
    offset = units(kept.text + _GAP)
    moved = [entity.model_copy(update={"offset": entity.offset + offset}) for entity in end.entities]
    return shown.model_copy(
        update={
            "text": f"{kept.text}{_GAP}{end.text}",
            "entities": [*kept.entities, *moved],
            "rich": None,
            "buttons": [],
            "prompt": None,
        }
    )


def _when(at: datetime | None) -> list[str | Node]:
    # Date and time, both short (https://core.telegram.org/bots/api#date-time-entity-formatting).
    return ["\n", DateTime(clock(at), unix_time=at, date_time_format="dt")] if at else []


def _kept(shown: Words, room: int, most_entities: int) -> Piece:
    """Return the message's text, without its end if there is no room for all of it."""
    pieces = split(Piece(shown.text, shown.entities), room, most_entities)
    return pieces[0] if pieces else Piece(shown.text[:0])
