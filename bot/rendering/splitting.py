"""Long text in several messages, cut where a reader would pause, with its entities whole on both sides."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from aiogram.enums import MessageEntityType
from aiogram.types import MessageEntity
from aiogram.utils.formatting import Text as Node
from wcwidth import grapheme_boundary_before

from bot.outgoing import TEXT_LIMIT
from bot.rendering.text import units, visible

ENTITIES_LIMIT = 100
"""Entities of a message that Telegram honours (https://core.telegram.org/api/entities)."""

_CUTTABLE = frozenset(
    {
        MessageEntityType.BOLD,
        MessageEntityType.ITALIC,
        MessageEntityType.UNDERLINE,
        MessageEntityType.STRIKETHROUGH,
        MessageEntityType.SPOILER,
        MessageEntityType.BLOCKQUOTE,
        MessageEntityType.EXPANDABLE_BLOCKQUOTE,
        MessageEntityType.CODE,
        MessageEntityType.PRE,
    }
)
"""What means the same in two parts. A link, a name or a date is kept in one as long as it fits."""

_BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)+")
_BLANKS = re.compile(r"[^\S\n]*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A text with its entities, whose offsets are UTF-16 code units."""

    text: str
    entities: list[MessageEntity] = field(default_factory=list)


def piece_of(node: Node) -> Piece:
    """Return what a tree of aiogram's formatting says, without entities that cover nothing."""
    text, entities = node.render()
    kept = [entity for entity in entities if entity.length > 0]
    return Piece(text, sorted(kept, key=lambda entity: (entity.offset, -entity.length)))


def split(piece: Piece, limit: int = TEXT_LIMIT, most_entities: int = ENTITIES_LIMIT) -> list[Piece]:
    """Cut a text into messages.

    Args:
        piece: Any text; its entities are nested or apart, as Telegram wants them.
        limit: UTF-16 code units of a message, at least 2.
        most_entities: Entities of a message.

    Returns:
        Pieces within the limits, none without anything to see; the blanks at
        which they were cut are gone.
    """
    if _fits(piece, limit, most_entities):
        return [piece]
    text = piece.text
    spans = _spans(piece)
    pieces = []
    start = 0
    while start < len(text):
        end = _end(text, spans, start, limit, most_entities)
        pieces.append(_part(text, spans, start, end, most_entities))
        start = _next_start(text, end)
    return [part for part in pieces if visible(part.text)]


def _fits(piece: Piece, limit: int, most_entities: int) -> bool:
    """Whether nothing has to be cut, as mostly."""
    length = units(piece.text)
    return (
        length <= limit
        and len(piece.entities) <= most_entities
        and piece.text == piece.text.rstrip()
        and all(one.length > 0 and one.offset + one.length <= length for one in piece.entities)
        and visible(piece.text)
    )


@dataclass(frozen=True, slots=True)
class _Span:
    """An entity by the characters of the text it covers."""

    start: int
    end: int
    entity: MessageEntity


def _spans(piece: Piece) -> list[_Span]:
    entities = sorted(piece.entities, key=lambda entity: (entity.offset, -entity.length))
    if len(piece.text) == units(piece.text):
        return [_Span(one.offset, one.offset + one.length, one) for one in entities]
    at = [0, *accumulate(2 if letter > "\uffff" else 1 for letter in piece.text)]
    return [
        _Span(bisect_left(at, one.offset), bisect_left(at, one.offset + one.length), one) for one in entities
    ]


def _end(text: str, spans: Sequence[_Span], start: int, limit: int, most_entities: int) -> int:
    """Return where the message that begins at `start` ends."""
    furthest = _furthest(text, start, limit)
    crowded = [span.start for span in spans if span.end > start and span.start < furthest][most_entities:]
    if crowded and crowded[0] > start:
        furthest = crowded[0]
    elif furthest == len(text):
        return furthest
    return _outside(spans, start, _pause(text, start, furthest))


def _furthest(text: str, start: int, limit: int) -> int:
    """Return the last place that the limit allows, never inside a surrogate pair."""
    chunk = text[start : start + limit]
    if units(chunk) > limit:
        chunk = chunk.encode("utf-16-le")[: limit * 2].decode("utf-16-le", "ignore")
    return start + len(chunk)


def _pause(text: str, start: int, furthest: int) -> int:
    """Return the best place for a cut in the second half: a paragraph's end, a line's, a word's, a letter's."""
    half = start + (furthest - start) // 2
    for pause in ("\n\n", "\n"):
        found = text.rfind(pause, half, furthest + len(pause))
        if found > start:
            return found
    for place in range(min(furthest, len(text) - 1), half, -1):
        if text[place].isspace():
            return place
    if furthest == len(text):
        return furthest
    letter = grapheme_boundary_before(text, furthest + 1)
    return letter if letter > start else furthest


def _outside(spans: Iterable[_Span], start: int, end: int) -> int:
    """Move a cut before what should not be cut, unless that is longer than a message."""
    for span in spans:
        if span.start < end < span.end and span.entity.type not in _CUTTABLE and span.start > start:
            return span.start
    return end


def _part(text: str, spans: Iterable[_Span], start: int, end: int, most_entities: int) -> Piece:
    part = text[start:end].rstrip()
    end = start + len(part)
    entities = []
    for span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if first < last:
            offset, length = units(text[start:first]), units(text[first:last])
            entities.append(span.entity.model_copy(update={"offset": offset, "length": length}))
    return Piece(part, entities[:most_entities])


def _next_start(text: str, end: int) -> int:
    """Return where the next message begins: behind the blanks of the cut, before a line's indentation."""
    gap = _BLANK_LINES.match(text, end) or _BLANKS.match(text, end)
    return gap.end() if gap else end
