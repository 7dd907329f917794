from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.sandbox.output import MAX_LINE, HeadAndTail, Lines, clean


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
        ("a\x00b\x08c\x7fd\x9be", "abcde"),
        ("safe\u202eexe.txt", "safeexe.txt"),
        ("tab\tand née 👩\u200d🚀", "tab\tand née 👩\u200d🚀"),
    ],
)
def test_what_could_do_something_to_a_reader_is_taken_out(printed: str, shown: str) -> None:
    assert clean(printed) == shown


@given(st.text())
def test_clean_text_has_no_control_characters(text: str) -> None:
    assert not [character for character in clean(text) if ord(character) < 32 and character not in "\n\t"]


@given(st.lists(st.binary(max_size=50)), st.integers(min_value=2, max_value=100))
def test_head_and_tail_are_the_ends_of_what_came(parts: list[bytes], limit: int) -> None:
    plain = [bytes(97 + byte % 26 for byte in part) for part in parts]
    whole = b"".join(plain).decode()
    kept = HeadAndTail(limit)
    for part in plain:
        kept.add(part)

    assert kept.total == len(whole)
    if len(whole) <= limit:
        assert kept.text() == whole
    else:
        head, tail = whole[: limit // 2], whole[len(whole) - (limit - limit // 2) :]
        assert kept.text() == f"{head}\n[… {len(whole) - limit} bytes left out …]\n{tail}"


def test_keeping_a_little_of_much_takes_little_memory() -> None:
    kept = HeadAndTail(1000)
    for _ in range(1000):
        kept.add(b"x" * 65536)

    assert len(kept._head) + len(kept._tail) <= 3000


@given(st.lists(st.text(alphabet=st.characters(categories=["L", "N"]), max_size=20)), st.integers(1, 7))
def test_lines_come_whole_however_they_were_cut(lines: list[str], size: int) -> None:
    stream = "".join(line + "\n" for line in lines).encode()
    cutter = Lines()
    told = [
        line for start in range(0, len(stream), size) for line in cutter.add(stream[start : start + size])
    ]

    assert told + cutter.end() == lines


def test_a_line_without_an_end_is_told_in_pieces() -> None:
    cutter = Lines()
    told = cutter.add(b"x" * (3 * MAX_LINE)) + cutter.end()

    assert "".join(told) == "x" * (3 * MAX_LINE)
    assert max(map(len, told)) <= MAX_LINE
