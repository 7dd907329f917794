"""A reply as a person sees it: on a terminal with rich, or as plain lines."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import assert_never

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text as Words

from cli.terminal.hostile import harmless, one_line
from graph.conversation.replies import (
    Block,
    Code,
    Fact,
    Facts,
    File,
    Kind,
    Link,
    Reply,
    ReplyChoice,
    Table,
    Text,
)

UNWRAPPED = 1_000_000
"""Columns of a terminal on which nothing is ever wrapped: plain lines are for programs too."""

MOST_LINES = 60
"""Lines of one block that are shown on a terminal; of more, the beginning and, longer, the end."""
HEAD_LINES = 15

NARROWEST_LABEL = 18
"""Columns that a label may take on any terminal."""

GAP = 2
"""Columns between the columns of a table."""

PROGRESS_MARK = "·"

_MARKS = {
    Kind.REMARK: ("•", "cyan"),
    Kind.NOTICE: ("•", "cyan"),
    Kind.PROGRESS: (PROGRESS_MARK, "dim"),
    Kind.QUESTION: ("?", "bold yellow"),
    Kind.RESULT: ("✓", "bold green"),
}
_FAILED = ("✗", "bold red")
_CANCELLED = ("⊘", "bold yellow")


def renderable(reply: Reply, *, whole: bool = False) -> RenderableType:
    """Return a reply as rich shows it: its mark, its blocks, and its choices by their numbers.

    Args:
        reply: What is shown.
        whole: Whether the middle of long output is shown as well.
    """
    parts: list[RenderableType] = [_block(block, whole=whole) for block in reply.in_full.blocks]
    if reply.awaited is not None and reply.asks_comment:
        parts.append(Words(f"Write it as your next message, or “{one_line(reply.awaited.way_out)}”."))
    if reply.choices:
        parts.append(_choices(reply.choices))
    if not parts:
        return Words()
    mark = mark_of(reply)
    if mark is None:
        return Group(*parts)
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row(Words(*mark), Group(*parts))
    return grid


def lines(reply: Reply, width: int | None = None) -> list[str]:
    """Return a reply as plain lines, without colour.

    Args:
        reply: What is shown.
        width: Columns that no line exceeds; left out, nothing is wrapped or shortened.
    """
    console = Console(
        file=io.StringIO(), width=width or UNWRAPPED, color_system=None, force_terminal=False, _environ={}
    )
    console.print(renderable(reply, whole=width is None))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in shown.splitlines()]


def mark_of(reply: Reply) -> tuple[str, str] | None:
    """Return the sign before a reply, and its style; an answer has none unless it tells of an error."""
    if reply.cancelled:
        return _CANCELLED
    if reply.error is not None:
        return _FAILED
    return _MARKS.get(reply.kind)


def _block(block: Block, *, whole: bool) -> RenderableType:
    match block:
        case Text(text=text):
            return Words(harmless(text), overflow="fold")
        case Code(title=title, text=text):
            return _program_output(title, text, whole=whole)
        case Facts(facts=facts):
            return _Pairs(facts)
        case Table(columns=columns, rows=rows, links=links) if any(links):
            led = [[*row, link or ""] for row, link in zip_longest(rows, links[: len(rows)])]
            return _Rows([*columns, "link"], led)
        case Table(columns=columns, rows=rows):
            return _Rows(columns, rows)
        case Link(url=url, label=label):
            return _link(url, label)
        case File(name=name, content=content):
            return _program_output(name, content, whole=whole)
    assert_never(block)


def _program_output(title: str, text: str, *, whole: bool) -> RenderableType:
    output = harmless(text).rstrip("\n").split("\n")
    shown = output if whole else _shortened(output)
    body = _indented(Words("\n".join(shown), "dim", overflow="fold"))
    return Group(Words(one_line(title), "bold", overflow="fold"), body) if title else body


def _shortened(output: list[str]) -> list[str]:
    if len(output) <= MOST_LINES:
        return output
    tail = MOST_LINES - HEAD_LINES
    left_out = len(output) - MOST_LINES
    return [*output[:HEAD_LINES], f"… {left_out} lines left out …", *output[-tail:]]


def _link(url: str, label: str) -> RenderableType:
    words = Words(overflow="fold")
    if label:
        words.append(f"{one_line(label)}: ")
    return words.append(one_line(url), "underline blue")


def _choices(choices: Sequence[ReplyChoice]) -> RenderableType:
    grid = Grid.grid(padding=(0, 1, 0, 0))
    grid.add_column(style="bold cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, choice in enumerate(choices, start=1):
        grid.add_row(Words(f"[{number}]"), Words(one_line(choice.label)))
    return Padding(grid, (1, 0, 0, 0), expand=False)


def _indented(inner: RenderableType) -> RenderableType:
    return Padding(inner, (0, 0, 0, 2), expand=False)


class _Pairs:
    """Labels beside their values, of which the values have most of the room."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._grid(options)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._grid(options))

    def _grid(self, options: ConsoleOptions) -> RenderableType:
        grid = Grid.grid(padding=(0, GAP, 0, 0))
        grid.add_column(
            style="dim", overflow="fold", max_width=max(options.max_width * 2 // 5, NARROWEST_LABEL)
        )
        grid.add_column(overflow="fold")
        for fact in self._facts:
            grid.add_row(Words(one_line(fact.label)), Words(harmless(fact.value)))
        return grid


class _Rows:
    """A table where the terminal has the room; else each row as a few lines."""

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._columns = [one_line(column) for column in columns]
        self._rows = [[one_line(cell) for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._shape(options)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._shape(options))

    def _shape(self, options: ConsoleOptions) -> RenderableType:
        return self._table() if self._natural_width() <= options.max_width else Group(*self._cards())

    def _natural_width(self) -> int:
        widths = [
            max(cell_len(cell) for cell in cells)
            for cells in zip_longest(self._columns, *self._rows, fillvalue="")
        ]
        return sum(widths) + GAP * max(len(widths) - 1, 0)

    def _table(self) -> RenderableType:
        grid = Grid.grid(padding=(0, GAP, 0, 0))
        grid.add_row(*(Words(column, "dim") for column in self._columns))
        for row in self._rows:
            grid.add_row(*(Words(cell) for cell in row))
        return grid

    def _cards(self) -> Iterator[RenderableType]:
        for row in self._rows:
            heading = " ".join([*self._columns[:1], *row[:1]])
            yield Words(heading, "bold", overflow="fold")
            pairs = [
                Fact(label=label, value=value)
                for label, value in zip_longest(self._columns[1:], row[1:], fillvalue="")
                if value
            ]
            yield _indented(_Pairs(pairs))
