"""What programs print becomes events that are bounded and harmless."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from graph.context import RunContext
from graph.orchestrator.output import HEAD_LINES, LONGEST_LINE, TAIL_LINES, Output, clean


class Listener:
    """Takes events as a run does."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []

    def emit(self, type_: str, data: Mapping[str, Any] | None = None) -> None:
        assert (type_, data is not None) == ("output.written", True)
        self.told.append(list((data or {})["lines"]))

    @property
    def lines(self) -> list[str]:
        return [line for lines in self.told for line in lines]


def listen() -> tuple[Listener, Output]:
    listener = Listener()
    return listener, Output(cast("RunContext", listener), "test")


@given(st.lists(st.text(), max_size=HEAD_LINES + TAIL_LINES + 20))
def test_however_much_is_printed_its_head_and_its_tail_are_shown(lines: list[str]) -> None:
    async def show() -> Listener:
        listener, output = listen()
        with output:
            for line in lines:
                output.add(line)
        return listener

    shown = asyncio.run(show()).lines
    assert len(shown) <= HEAD_LINES + TAIL_LINES + 1
    assert shown[:HEAD_LINES] == [clean(line) for line in lines[:HEAD_LINES]]
    if len(lines) > HEAD_LINES:
        assert shown[-1] == clean(lines[-1])
    if len(lines) > HEAD_LINES + TAIL_LINES:
        assert shown[HEAD_LINES] == f"… {len(lines) - HEAD_LINES - TAIL_LINES} lines left out …"


async def test_lines_that_come_together_are_told_together() -> None:
    listener, output = listen()
    with output:
        for number in range(50):
            await output.line(str(number))
    assert len(listener.told) == 1


async def test_a_line_is_shown_while_the_program_still_runs() -> None:
    listener, output = listen()
    with output:
        output.add("collecting")
        async with asyncio.timeout(10):
            while not listener.told:
                await asyncio.sleep(0.01)
    assert listener.told == [["collecting"]]


@given(st.text(st.characters()))
def test_a_clean_line_moves_no_cursor_and_can_be_stored(text: str) -> None:
    shown = clean(text)
    assert len(shown) <= LONGEST_LINE + 1
    assert not set(shown) & {"\x1b", "\r", "\n", "\x00", "\u202e"}
    json.dumps(shown).encode()
    shown.encode()
