"""The graph as a whole: what leads where, and what may stand in its state."""

from __future__ import annotations

from typing import cast
from uuid import uuid4

import pytest

from graph.orchestrator.graph import build_orchestrator
from graph.orchestrator.retries import is_transient
from graph.orchestrator.state import State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.work import BadWork, Build, Deploy, Remove, Rollback, Start, Stop, Work, parse
from shared.errors import BadInput, Unavailable


def test_every_step_can_be_reached_and_leads_to_the_end() -> None:
    drawn = build_orchestrator(cast("Tools", None)).get_graph()
    leads_to: dict[str, set[str]] = {name: set() for name in drawn.nodes}
    for edge in drawn.edges:
        leads_to[edge.source].add(edge.target)
    assert _reached(leads_to, "__start__") == set(leads_to)
    # What ends by raising an error leads nowhere else: every other step leads to the report.
    for step in Step:
        assert step is Step.REPORT or Step.REPORT in _reached(leads_to, step), step


@pytest.mark.parametrize(
    "work",
    [
        Build(blueprint="web-service", name="hello"),
        Deploy(project_id=uuid4(), release=3),
        Rollback(project_id=uuid4()),
        Stop(project_id=uuid4()),
        Start(project_id=uuid4()),
        Remove(project_id=uuid4()),
    ],
)
def test_work_is_read_as_it_was_written(work: Work) -> None:
    written = work.model_dump(mode="json")
    assert parse(written) == work
    assert set(written) <= set(State.__annotations__), "a run's input is the graph's first state"


@pytest.mark.parametrize("input_", [{}, {"kind": "dance"}, {"kind": "stop"}, {"kind": "build", "rm": "-rf"}])
def test_what_is_no_work_is_refused(input_: dict[str, str]) -> None:
    with pytest.raises(BadWork):
        parse(input_)


def test_only_what_says_that_it_may_pass_is_tried_again() -> None:
    assert is_transient(Unavailable())
    assert not is_transient(BadInput())
    assert not is_transient(OSError())


def _reached(leads_to: dict[str, set[str]], start: str) -> set[str]:
    reached, ahead = set[str](), [start]
    while ahead:
        if (name := ahead.pop()) not in reached:
            reached.add(name)
            ahead.extend(leads_to[name])
    return reached
