"""What others wrote can do nothing to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given

from cli.terminal.hostile import harmless, one_line
from tests.unit.cli.builders import texts


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain text stays", "plain text stays"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\after", "after"),
        ("\x9b2Jafter", "after"),
        ("\x1bcafter", "after"),
        ("cut off \x1b", "cut off ␛"),
        ("\x1b\x1b[1m[31mnested", "␛[31mnested"),
        ("bell\x07 delete\x7f", "bell␇ delete␡"),
        ("one\r\ntwo\rthree\x0bfour\u2028five", "one\ntwo\nthree\nfour\nfive"),
        ("a\tb", "a   b"),
        ("invoice\u202excod.exe", "invoicexcod.exe"),
        ("half \ud800 a pair", "half \ufffd a pair"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("H\u0301\u0302\u0303\u0304\u0305!", "H\u0301\u0302\u0303!"),
    ],
)
def test_only_letters_are_left(written: str, shown: str) -> None:
    assert harmless(written) == shown


def test_a_line_from_right_to_left_is_isolated_from_what_stands_around_it() -> None:
    letters = "\u0627\u0628\u062c\u062f"

    assert harmless(f"left\n{letters}") == f"left\n\u2068{letters}\u2069"


@given(texts)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


@given(texts)
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert not any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in one_line(text))
