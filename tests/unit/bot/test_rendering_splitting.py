from __future__ import annotations

import pytest
from aiogram.types import MessageEntity
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rendering.splitting import Piece, split
from bot.rendering.text import clean, visible
from tests.unit.bot.hostile import FRAGMENTS, any_text
from tests.unit.bot.limits import assert_balanced, units

_TYPES = ["bold", "italic", "pre", "code", "text_link", "date_time", "blockquote"]


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    """Any clean text with entities, each of which is inside of another or apart from it."""
    text = clean("".join(draw(st.lists(st.sampled_from(FRAGMENTS), max_size=20))))
    at = [0]
    for letter in text:
        at.append(at[-1] + (2 if letter > "\uffff" else 1))
    spans: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(0, 30)) if len(at) > 1 else 0):
        first = draw(st.integers(0, len(at) - 2))
        last = draw(st.integers(first + 1, min(len(at) - 1, first + draw(st.sampled_from([5, 300, 9000])))))
        if all(
            last <= start
            or end <= first
            or (start <= first and last <= end)
            or (first <= start and end <= last)
            for start, end in spans
        ):
            spans.append((first, last))
    kinds = [draw(st.sampled_from(_TYPES)) for _ in spans]
    entities = [
        MessageEntity(type=kind, offset=at[first], length=at[last] - at[first])
        for (first, last), kind in zip(spans, kinds, strict=True)
    ]
    return Piece(text, entities)


@settings(max_examples=120, deadline=None)
@given(pieces(), st.sampled_from([2, 7, 40, 500, 4096]), st.sampled_from([1, 3, 100]))
def test_pieces_are_within_the_limits_and_balanced(piece: Piece, limit: int, most: int) -> None:
    for part in split(piece, limit, most):
        assert 0 < units(part.text) <= limit
        assert visible(part.text)
        assert_balanced(part.text, part.entities, most)


@settings(max_examples=120, deadline=None)
@given(pieces(), st.sampled_from([2, 7, 40, 500, 4096]))
def test_nothing_is_lost_but_blanks_at_the_cuts(piece: Piece, limit: int) -> None:
    said = "".join(part.text for part in split(piece, limit))
    assert _seen(said) == _seen(piece.text)


@settings(max_examples=120, deadline=None)
@given(pieces(), st.sampled_from([7, 40, 500, 4096]))
def test_every_letter_keeps_its_entities(piece: Piece, limit: int) -> None:
    before = _styled_letters([piece])
    after = _styled_letters(split(piece, limit, 10_000))
    assert after == before


@settings(max_examples=100, deadline=None)
@given(any_text.map(clean))
def test_a_text_that_fits_stays_one(text: str) -> None:
    parts = split(Piece(text))
    if units(text) <= 4096:
        assert [part.text for part in parts] == ([text.rstrip()] if visible(text) else [])


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("one one\n\ntwo two\nthree", 15, ["one one", "two two\nthree"]),
        ("aaaa bbbb\ncccc dddd", 16, ["aaaa bbbb", "cccc dddd"]),
        ("aaaa bbbb cccc", 10, ["aaaa bbbb", "cccc"]),
        ("head\n    indented", 8, ["head", "    inde", "nted"]),
        ("aaaaaaaaaa", 4, ["aaaa", "aaaa", "aa"]),
    ],
)
def test_cuts_are_where_a_reader_pauses(text: str, limit: int, expected: list[str]) -> None:
    assert [part.text for part in split(Piece(text), limit)] == expected


def test_a_letter_of_several_characters_is_not_cut() -> None:
    family = "👨‍👩‍👧‍👦"
    assert [part.text for part in split(Piece(family * 3), 16)] == [family, family, family]


def test_a_link_is_not_cut_as_long_as_it_fits() -> None:
    link = MessageEntity(type="text_link", offset=6, length=9, url="https://example.com/")
    first, second = split(Piece("before the link", [link]), 12)
    assert (first.text, second.text) == ("before", "the link")
    assert [(one.offset, one.length) for one in second.entities] == [(0, 8)]


def test_a_frame_is_closed_and_opened_again() -> None:
    frame = MessageEntity(type="pre", offset=0, length=19)
    parts = split(Piece("line one\nline two 😀", [frame]), 12)
    assert [(part.text, part.entities[0].offset, part.entities[0].length) for part in parts] == [
        ("line one", 0, 8),
        ("line two 😀", 0, 11),
    ]


def test_more_entities_than_telegram_honours_go_into_the_next_message() -> None:
    bolds = [MessageEntity(type="bold", offset=2 * place, length=1) for place in range(150)]
    parts = split(Piece("a " * 150, bolds))
    assert [len(part.entities) for part in parts] == [100, 50]


def _seen(text: str) -> str:
    """Return what there is to see: a message of nothing else is not sent, and blanks end at a cut."""
    return "".join(letter for letter in text if visible(letter))


def _styled_letters(parts: list[Piece]) -> list[tuple[str, tuple[str, ...]]]:
    letters = []
    for part in parts:
        at = 0
        for letter in part.text:
            styles = sorted(one.type for one in part.entities if one.offset <= at < one.offset + one.length)
            if visible(letter):
                letters.append((letter, tuple(styles)))
            at += 2 if letter > "\uffff" else 1
    return letters
