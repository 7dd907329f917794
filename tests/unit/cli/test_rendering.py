"""A reply reads well at every width, and can do nothing to the terminal it is shown on."""

from __future__ import annotations

import io
import unicodedata
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text as Words

from cli.terminal.rendering import lines, renderable
from graph.conversation.replies import Awaited, Code, Kind, Reply, Text
from shared.ids import ApprovalId, UserId
from tests.unit.cli.builders import USUAL, replies

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (40, 100)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", USUAL)
def test_plain_lines_are_as_they_were_read_and_found_good(name: str, width: int) -> None:
    shown = "\n".join(lines(USUAL[name], width)) + "\n"

    assert shown == (GOLDEN / f"{name}-{width}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", USUAL)
def test_the_terminal_shows_the_same_letters_as_the_plain_lines(name: str, width: int) -> None:
    assert _letters(_on_terminal(USUAL[name], width)) == _letters("\n".join(lines(USUAL[name], width)))


@given(replies, st.integers(20, 120))
def test_no_line_is_wider_than_the_terminal(reply: Reply, width: int) -> None:
    assert all(cell_len(line) <= width for line in lines(reply, width))


@given(replies, st.none() | st.integers(20, 120))
def test_nothing_reaches_the_terminal_that_it_would_obey(reply: Reply, width: int | None) -> None:
    shown = "".join(lines(reply, width))

    assert [letter for letter in shown if unicodedata.category(letter) in {"Cc", "Cs"}] == []
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u200e\u200f")


@given(replies)
def test_what_is_written_can_be_encoded(reply: Reply) -> None:
    "\n".join(lines(reply)).encode()


def test_plain_lines_without_a_width_keep_every_line_whole() -> None:
    long = "a line that no terminal has the room for " * 20
    output = "\n".join(f"{number} {long}".rstrip() for number in range(500))

    assert lines(Reply(blocks=[Code(text=output)])) == [f"  {line}" for line in output.split("\n")]


def test_colours_are_left_out_where_no_color_is_set() -> None:
    out = io.StringIO()
    Console(file=out, width=60, force_terminal=True, _environ={"NO_COLOR": "1"}).print(
        renderable(USUAL["question"])
    )

    assert "\x1b[3" not in out.getvalue()


def _on_terminal(reply: Reply, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system="truecolor", _environ={}).print(
        renderable(reply)
    )
    return Words.from_ansi(out.getvalue()).plain


def _letters(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_a_cancelled_run_looks_neither_like_a_success_nor_like_a_failure() -> None:
    text = [Text(text="Run 3, Build hello, is cancelled.")]
    [shown] = lines(Reply(blocks=text, kind=Kind.RESULT, run_number=3, cancelled=True))
    assert shown == "⊘ Run 3, Build hello, is cancelled."


def test_a_comment_that_is_asked_for_comes_with_how_it_is_given() -> None:
    approval_id = ApprovalId(UUID(int=1))
    awaited = Awaited(approval_id=approval_id, key="reject", user_id=UserId("terminal:ann"))
    asked = Reply.saying("What should be different?").model_copy(
        update={"awaited": awaited, "approval_id": approval_id}
    )
    assert lines(asked) == [
        "What should be different?",
        "Write it as your next message, or “never mind”.",
    ]
