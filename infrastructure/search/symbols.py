"""Code, cut at what has a name: functions, classes, methods, and what stands between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from tree_sitter import Node
from tree_sitter_language_pack import SupportedLanguage, get_parser

from infrastructure.search.languages import FUNCTION_VALUES, HOLDERS, NAMED_VALUES, SYMBOLS, WRAPPERS
from infrastructure.search.lines import chunks_of
from shared.ledger.chunks import Chunk

_DEEPEST: Final = 16
"""Levels of the tree that are looked through; symbols deeper inside belong to the one around them."""

_WHOLE: Final = 20
"""A class of at most so many lines stays in one piece: its methods explain each other."""

_NAMES: Final = frozenset(
    {"identifier", "simple_identifier", "type_identifier", "object_reference", "field_identifier"}
)
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class _Symbol:
    """A named thing and the lines it has, counted from 0."""

    name: str
    first: int
    last: int


def symbols(language: SupportedLanguage, content: bytes, lines: Sequence[str]) -> list[Chunk]:
    """Return a file's symbols as chunks, and what is between them."""
    root = get_parser(language).parse(content).root_node
    # Whoever is found later lies deeper: at the end, each line belongs to the innermost symbol.
    owners: list[_Symbol | None] = [None] * len(lines)
    for symbol in _symbols(root, SYMBOLS[language]):
        for number in range(symbol.first, min(symbol.last + 1, len(lines))):
            owners[number] = symbol
    return [
        chunk for run in _runs(owners) for chunk in chunks_of(lines, run.first, run.last, symbol=run.name)
    ]


def _runs(owners: Sequence[_Symbol | None]) -> Iterator[_Symbol]:
    """Yield the unbroken runs of lines with the same owner."""
    for owner, numbers in groupby(range(len(owners)), key=lambda number: owners[number]):
        run = list(numbers)
        yield _Symbol(owner.name if owner else "", run[0], run[-1])


def _symbols(root: Node, types: frozenset[str]) -> Iterator[_Symbol]:
    """Yield symbols, outer ones before those inside them."""
    waiting: list[tuple[Node, Node, str, int]] = [(root, root, "", 0)]
    while waiting:
        node, outermost, prefix, depth = waiting.pop()
        named = node.type in types or _is_named_function(node)
        if named and (name := _name(node)):
            prefix = f"{prefix}.{name}" if prefix else name
            yield _Symbol(prefix[:_LONGEST_NAME], _first_line(outermost), node.end_point.row)
            if node.type not in HOLDERS or node.end_point.row - node.start_point.row < _WHOLE:
                continue
        if depth < _DEEPEST:
            waiting.extend(
                (child, outermost if node.type in WRAPPERS else child, prefix, depth + 1)
                for child in node.named_children
            )


def _is_named_function(node: Node) -> bool:
    value = node.child_by_field_name("value") if node.type in NAMED_VALUES else None
    return value is not None and value.type in FUNCTION_VALUES


def _name(node: Node) -> str:
    """Return what a symbol is called; grammars keep it in different places."""
    place = (
        node.child_by_field_name("name") or node.child_by_field_name("declarator") or _first_name(node)
    ) or node.child_by_field_name("type")
    # C's declarators are wrapped: `*name(int argument)[3]`.
    while place is not None and (inner := place.child_by_field_name("declarator")) is not None:
        place = inner
    if place is None or place.text is None:
        return ""
    return " ".join(place.text.decode(errors="replace").split())[:_LONGEST_NAME]


def _first_name(node: Node) -> Node | None:
    if node.child_by_field_name("type") is not None:
        return None
    return next((child for child in node.named_children if child.type in _NAMES), None)


def _first_line(node: Node) -> int:
    """Return where a symbol begins, the comments directly above it included."""
    first = node.start_point.row
    before = node.prev_named_sibling
    while before is not None and "comment" in before.type and before.end_point.row >= first - 1:
        # A comment behind code, on the same line, belongs to that.
        earlier = before.prev_sibling
        if earlier is not None and earlier.end_point.row == before.start_point.row:
            break
        first, before = before.start_point.row, before.prev_named_sibling
    return first
