"""The graph that is measured: three nodes, the middle one asks a person."""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from graph.registry import Graph
from shared.ledger.approvals import Choice, Question


class State(TypedDict, total=False):
    """What the nodes hand on."""

    value: int
    choice: str


QUESTION = Question(
    kind="question", title="Go on?", choices=[Choice(key="yes", label="Yes")], digest="0"
).model_dump(mode="json")


def builder() -> StateGraph[State]:
    """Return the graph, not compiled."""

    async def first(state: State) -> State:
        return {"value": 1}

    async def second(state: State) -> State:
        return {"choice": interrupt(QUESTION)["choice"]}

    async def third(state: State) -> State:
        return {"value": state["value"] + 1}

    graph = StateGraph(State)
    graph.add_sequence([first, second, third])
    graph.add_edge(START, "first")
    return graph


def build_app() -> Graph:
    """Compile it, for a worker."""
    return builder().compile()
