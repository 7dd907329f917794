"""What the saver writes is gathered into fewer statements, and stays the same."""

from __future__ import annotations

from langgraph.checkpoint.postgres.base import BasePostgresSaver as Saver

from graph.statements import Row, Statement, gathered

INSERT, REPLACE = Saver.INSERT_CHECKPOINT_WRITES_SQL, Saver.UPSERT_CHECKPOINT_WRITES_SQL


def _write(index: int, value: str, task: str = "task") -> Row:
    return ("thread", "", "checkpoint", task, "", index, "channel", "type", value)


def _values(statements: list[Statement]) -> list[str]:
    """Return the values that are written, statement by statement."""
    return [",".join(row[8::9]) for _, row in gathered(statements)]


def test_rows_of_one_kind_travel_together() -> None:
    statements = [Statement(INSERT, [_write(0, "a")]), Statement(INSERT, [_write(1, "b"), _write(2, "c")])]
    [(query, row)] = gathered(statements)
    assert query.count(b"(%s, %s, %s, %s, %s, %s, %s, %s, %s)") == 3
    assert query.endswith(b"DO NOTHING\n")
    assert row == [*_write(0, "a"), *_write(1, "b"), *_write(2, "c")]


def test_the_last_to_replace_a_row_counts() -> None:
    assert _values([Statement(REPLACE, [_write(-4, "old")]), Statement(REPLACE, [_write(-4, "new")])]) == [
        "new"
    ]


def test_a_row_that_must_not_replace_gives_way_to_any_before_it() -> None:
    assert _values([Statement(INSERT, [_write(0, "first")]), Statement(INSERT, [_write(0, "second")])]) == [
        "first"
    ]
    assert _values([Statement(REPLACE, [_write(0, "first")]), Statement(INSERT, [_write(0, "second")])]) == [
        "first"
    ]


def test_a_row_that_replaces_takes_the_place_of_one_that_must_not() -> None:
    assert _values([Statement(INSERT, [_write(0, "first")]), Statement(REPLACE, [_write(0, "second")])]) == [
        "second"
    ]


def test_any_other_statement_stays_between_what_stands_around_it() -> None:
    delete = Statement("DELETE FROM checkpoints WHERE thread_id = %s", [("thread",)])
    around = [Statement(INSERT, [_write(0, "before")]), delete, Statement(INSERT, [_write(0, "after")])]
    assert [query.split()[0] for query, _ in gathered(around)] == [b"INSERT", b"DELETE", b"INSERT"]


def test_many_rows_are_several_statements() -> None:
    rows = [row for _, row in gathered([Statement(INSERT, [_write(number, "x") for number in range(120)])])]
    assert [len(row) // 9 for row in rows] == [50, 50, 20]


def test_every_statement_the_saver_has_today_is_gathered() -> None:
    """A saver that writes with other statements would be slower, and nobody would notice."""
    writing = {
        value for name, value in vars(Saver).items() if name.endswith("_SQL") and "INSERT" in str(value)
    }
    for query in writing:
        [(many, _)] = gathered(
            [Statement(query, [tuple(f"{n}.{place}" for place in range(9)) for n in range(2)])]
        )
        assert many.count(b"(%s, ") == 2
