"""What LangGraph's saver writes, in as few statements as hold it.

A statement costs a system call and a wake-up on either side, whatever it
carries, so rows of one kind travel in one `INSERT`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from langgraph.checkpoint.postgres.base import BasePostgresSaver as Saver

Row = Sequence[Any]

_MOST_ROWS = 50
"""Rows to a statement: each number of rows is a statement of its own, to be prepared."""

_VALUES = re.compile(r"\(%s(?:, %s)*\)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the saver, with the parameters of each time it is to be executed."""

    query: str
    parameters: Sequence[Row]


def gathered(statements: Sequence[Statement]) -> Iterator[tuple[bytes, Row]]:
    """Return statements that write the same, each with its parameters.

    The saver's three tables do not refer to each other: only the order of what
    is written to one row matters.
    """
    rows = _Rows()
    for statement in statements:
        if statement.query in _KEYS:
            rows.add(statement)
        else:
            yield from rows.taken()
            yield from ((statement.query.encode(), row) for row in statement.parameters)
    yield from rows.taken()


class _Rows:
    """Rows to insert, each key once: PostgreSQL replaces no row twice in one statement."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Row, Row]] = {query: {} for query in _KEYS}

    def add(self, statement: Statement) -> None:
        """Add rows that replace those of their keys, or give way to them, as the query says."""
        key_of, rows = _KEYS[statement.query], self._rows[statement.query]
        for row in statement.parameters:
            key = tuple(row[place] for place in key_of)
            if statement.query in _REPLACING:
                rows[key] = row
                self._rows[Saver.INSERT_CHECKPOINT_WRITES_SQL].pop(key, None)
            elif key not in self._rows[Saver.UPSERT_CHECKPOINT_WRITES_SQL]:
                rows.setdefault(key, row)

    def taken(self) -> Iterator[tuple[bytes, Row]]:
        """Return the statements that insert what there is, which is gone then."""
        for query, by_key in self._rows.items():
            rows = list(by_key.values())
            by_key.clear()
            for start in range(0, len(rows), _MOST_ROWS):
                some = rows[start : start + _MOST_ROWS]
                yield _inserting(query, len(some)), list(chain.from_iterable(some))


_WRITE = (0, 1, 2, 3, 5)
"""The key of a task's write: thread, namespace, checkpoint, task, index."""

_KEYS: dict[str, tuple[int, ...]] = {
    Saver.UPSERT_CHECKPOINT_BLOBS_SQL: (0, 1, 2, 3),
    Saver.UPSERT_CHECKPOINTS_SQL: (0, 1, 2),
    Saver.UPSERT_CHECKPOINT_WRITES_SQL: _WRITE,
    Saver.INSERT_CHECKPOINT_WRITES_SQL: _WRITE,
}
"""Where the key of a row is among its parameters, by the statement that inserts it."""

_REPLACING = {Saver.UPSERT_CHECKPOINTS_SQL, Saver.UPSERT_CHECKPOINT_WRITES_SQL}


@cache
def _inserting(query: str, rows: int) -> bytes:
    """Return the saver's statement for so many rows at once."""
    return _VALUES.sub(lambda one: ", ".join([one[0]] * rows), query, count=1).encode()
