"""The graphs that are measured."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from graph.context import RunContext
from graph.registry import Graph
from infrastructure import programs
from shared.ledger.questions import Choice, Question


class State(TypedDict, total=False):
    """What the nodes hand on."""

    value: int
    choice: str
    file: str


QUESTION = Question(
    kind="question", title="Go on?", choices=[Choice(key="yes", label="Yes")], digest="0"
).model_dump(mode="json")


def builder() -> StateGraph[State]:
    """Return three nodes, of which the middle one asks a person; not compiled."""

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


EFFECTS = 3
EFFECT_S = 1.0


def build_effects() -> Graph:
    """Compile three nodes, each with one effect that takes a moment and leaves a line in a file."""
    graph = StateGraph(State, context_schema=RunContext)
    graph.add_sequence([(f"node_{number}", _effect(number)) for number in range(EFFECTS)])
    graph.add_edge(START, "node_0")
    return graph.compile()


def _effect(number: int) -> Any:  # noqa: ANN401 - LangGraph's own type for a node is as wide
    async def node(state: State, runtime: Runtime[RunContext]) -> State:
        async def make() -> dict[str, Any]:
            await asyncio.sleep(EFFECT_S)
            await asyncio.to_thread(_append, Path(state["file"]), f"{number}\n")
            return {"number": number}

        await runtime.context.ensure(f"effect-{number}", "benchmark", {"number": number}, make)
        return {}

    return node


def build_child() -> Graph:
    """Compile one node that waits for a program, which writes its number to a file, for ever."""

    async def node(state: State) -> State:
        await programs.run(
            ["sh", "-c", 'echo $$ > "$1"; exec sleep 1000', "child", state["file"]], timeout_s=1000
        )
        return {}

    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile()


def _append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)
