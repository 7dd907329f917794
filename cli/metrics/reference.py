"""The reference of metrics, read from the source: `python -m cli.metrics.reference`.

From the source and not from what is imported: a metric belongs to whichever module counts it, and many are
imported where they are needed only.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeGuard

from cli.metrics.stored import ANSWERS
from shared.ledger.census import FIGURES

ROOT: Final = Path(__file__).parents[2]
KINDS: Final = {"Counter", "Gauge", "Histogram", "Summary"}

_HEAD = """\
# Metrics

What `/metrics` shows at `METRICS_ADDRESS`; [how to read it](../how-to/watch-with-prometheus.md). Written by
`python -m cli.metrics.reference > docs/reference/metrics.md`; a test keeps it true.

## Stored

Read from PostgreSQL when somebody asks, and kept for five seconds. Every address that serves metrics of one
installation shows the same: take one of them (`max`), and do not add them up. What cannot be read within two
seconds is left out, and never an old or made-up number.

"""

_COUNTED = """
## Counted

Counted by processes; add them up over all addresses. Where `telewright up` serves them, they are its children's
together, and go on when a child is started again; they begin anew with `up` itself. A process that was started
alone shows its own, and those of its interpreter (`process_…`, `python_…`).

A counter with labels is missing until it counts for the first time.

"""

_TABLE = "| Metric | Kind | Labels | What it says |\n|---|---|---|---|\n"


@dataclass(frozen=True, slots=True)
class Described:
    """One metric, as the reference shows it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


def markdown() -> str:
    """Return the whole page."""
    return f"{_HEAD}{_table(stored())}{_COUNTED}{_table(counted())}"


def stored() -> list[Described]:
    """Return what is read from the ledgers."""
    census = [Described(one.name, "gauge", one.labels, one.meaning) for one in FIGURES]
    return [*census, *(Described(name, "gauge", (), meaning) for name, meaning in ANSWERS.items())]


def counted() -> list[Described]:
    """Return what processes count, by name."""
    found = [_described(call) for call in calls()]
    return sorted(found, key=lambda one: one.name)


def calls() -> Iterator[ast.Call]:
    """Find where metrics are made: in modules that import prometheus_client's own names."""
    for package in sorted(ROOT.glob("*/__init__.py")):
        for file in sorted(package.parent.rglob("*.py")):
            source = file.read_text(encoding="utf-8")
            if "prometheus_client import" in source:
                yield from filter(_makes_one, ast.walk(ast.parse(source)))


def _makes_one(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS


def _described(call: ast.Call) -> Described:
    assert isinstance(call.func, ast.Name)  # noqa: S101
    name, meaning, *labels = (ast.literal_eval(argument) for argument in call.args)
    return Described(name, call.func.id.lower(), tuple(*labels), meaning)


def _table(metrics: list[Described]) -> str:
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |\n"
        for one in metrics
    ]
    return _TABLE + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(markdown())
