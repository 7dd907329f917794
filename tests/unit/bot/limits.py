"""What Telegram takes, checked on what is about to be sent."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from aiogram.types import MessageEntity

from bot.outgoing import CAPTION_LIMIT, TEXT_LIMIT, Button, Document, Outgoing, Toast, Words

_OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067")


def check(message: Outgoing) -> None:
    """Fail where Telegram would refuse a message, or show another than is meant."""
    match message:
        case Words():
            assert_is_text(message.text, message.entities, TEXT_LIMIT)
            _check_buttons(message.buttons)
            assert not (message.buttons and message.prompt)
            assert message.prompt is None or 1 <= len(message.prompt) <= 64
        case Document():
            assert message.content
            assert 1 <= len(message.name) <= 100
            assert message.name.isprintable() or not message.name.isascii()
            assert not set(message.name) & set("/\\\n\x00")
            assert units(message.caption) <= CAPTION_LIMIT
            _check_buttons(message.buttons)
        case Toast():
            assert units(message.text) <= 200


def assert_is_text(text: str, entities: Sequence[MessageEntity], limit: int, most: int = 100) -> None:
    """Fail unless a text and its entities are what a message takes."""
    assert 1 <= units(text) <= limit
    assert any(unicodedata.category(letter)[0] not in "ZC" for letter in text)
    assert not set(text) & _OVERRIDES
    assert all(letter == "\n" or unicodedata.category(letter) != "Cc" for letter in text)
    assert_balanced(text, entities, most)


def assert_balanced(text: str, entities: Sequence[MessageEntity], most: int = 100) -> None:
    """Fail unless entities are in bounds, whole letters, and nested or apart."""
    size = units(text)
    assert len(entities) <= most
    borders = _letter_borders(text)
    for one in entities:
        assert one.length > 0
        assert 0 <= one.offset < one.offset + one.length <= size
        assert one.offset in borders
        assert one.offset + one.length in borders
    for place, one in enumerate(entities):
        for other in entities[place + 1 :]:
            assert _nested_or_apart(one, other), (one, other)


def units(text: str) -> int:
    """Return the length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def _nested_or_apart(one: MessageEntity, other: MessageEntity) -> bool:
    first, last = one.offset, one.offset + one.length
    start, end = other.offset, other.offset + other.length
    apart = last <= start or end <= first
    return apart or (first <= start and end <= last) or (start <= first and last <= end)


def _letter_borders(text: str) -> set[int]:
    borders, at = {0}, 0
    for letter in text:
        at += 2 if letter > "\uffff" else 1
        borders.add(at)
    return borders


def _check_buttons(rows: Sequence[Sequence[Button]]) -> None:
    assert sum(len(row) for row in rows) <= 100
    for row in rows:
        assert 1 <= len(row) <= 8
        for button in row:
            assert button.text.strip()
            assert "\n" not in button.text
            assert units(button.text) <= 256
            assert (button.choice is None) != (button.url is None)
            assert button.id == ""
