"""A table as a phone can show it: in columns where they fit, else a few lines for each row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from aiogram.utils.formatting import Bold, Pre, TextLink, as_list
from aiogram.utils.formatting import Text as Node
from wcwidth import width

from bot.rendering.links import host_to_open
from bot.rendering.text import isolated, narrow, one_line
from graph.conversation.replies import Table

PHONE = 38
"""Columns of fixed width that a phone shows without breaking lines."""

_GAP = 2


def table_node(table: Table) -> Node:
    """Return a table as text with entities."""
    columns = [one_line(column) for column in table.columns]
    rows = [[one_line(cell) for cell in row] for row in table.rows]
    # What is set in a fixed width cannot lead anywhere.
    if not table.links and (widths := _widths([columns, *rows])):
        return Pre("\n".join(_line(row, widths) for row in [columns, *rows] if any(row)))
    cards = [
        _card(columns, row, link) for row, link in zip_longest(rows, table.links[: len(rows)]) if any(row)
    ]
    return as_list(*cards, sep="\n\n") if cards else Node()


def _widths(rows: Sequence[Sequence[str]]) -> list[int] | None:
    """Return how wide the columns are; nothing when a phone has no room for them."""
    if not all(narrow(cell, PHONE) for row in rows for cell in row):
        return None
    widths = [max(width(cell) for cell in cells) for cells in zip_longest(*rows, fillvalue="")]
    return widths if sum(widths) + _GAP * (len(widths) - 1) <= PHONE else None


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (f"{isolated(cell)}{' ' * (room - width(cell))}" for cell, room in zip(row, widths, strict=False))
    return (" " * _GAP).join(cells).rstrip()


def _card(columns: Sequence[str], row: Sequence[str], link: str | None = None) -> Node:
    """Return a row under its first cell, which may lead somewhere; a bare number says what it counts."""
    first, *others = (_said(column, cell) for column, cell in zip_longest(columns, row, fillvalue=""))
    rest = " · ".join(cell for cell in others if cell)
    head = TextLink(first or rest, url=link) if link and host_to_open(link) else Bold(first or rest)
    return Node(head, "\n", rest) if first and rest else head


def _said(column: str, cell: str) -> str:
    speaks = any(letter.isalpha() for letter in cell) or not cell
    return isolated(cell if speaks else f"{column} {cell}".strip())
