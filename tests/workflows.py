"""Small workflows that tests execute, by entrypoint, in this process or another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from graph.context import RunContext
from graph.registry import Graph
from shared.errors import NotNow, TelewrightError
from shared.ledger.questions import Choice, Question, digest_of

Node = Callable[..., Any]


class State(TypedDict, total=False):
    name: str
    directory: str
    answers: Annotated[list[str], add]
    result: dict[str, Any]


def ask(title: str) -> dict[str, Any]:
    """Ask a question with two choices; return the answer."""
    question = Question(
        kind="question",
        title=title,
        choices=[Choice(key="yes", label="Yes"), Choice(key="no", label="No")],
        digest=digest_of({"title": title}),
    )
    answer: dict[str, Any] = interrupt(question.model_dump(mode="json"))
    return answer


def build_approval() -> Graph:
    """Three nodes, the middle one asks."""

    def first(state: State) -> State:
        return {"answers": ["first"]}

    def second(state: State) -> State:
        return {"answers": [ask("Go on?")["choice"]]}

    def third(state: State) -> State:
        return {"result": {"answers": state["answers"]}}

    graph = StateGraph(State)
    graph.add_sequence([first, second, third])
    graph.add_edge(START, "first")
    graph.add_edge("third", END)
    return graph.compile()


def build_parallel() -> Graph:
    """Two nodes ask at once; a third waits for both."""

    def left(state: State) -> State:
        return {"answers": ["left " + ask("Left?")["choice"]]}

    def right(state: State) -> State:
        return {"answers": ["right " + ask("Right?")["choice"]]}

    def join(state: State) -> State:
        return {"result": {"answers": sorted(state["answers"])}}

    graph = StateGraph(State)
    for node in (left, right, join):
        graph.add_node(node)
    graph.add_edge(START, "left")
    graph.add_edge(START, "right")
    graph.add_edge(["left", "right"], "join")
    graph.add_edge("join", END)
    return graph.compile()


def build_one_after_the_other() -> Graph:
    """One node asks twice."""

    def node(state: State) -> State:
        first = ask("First?")["choice"]
        second = ask("Second?")["choice"]
        return {"result": {"answers": [first, second]}}

    return _single(node)


def build_failing() -> Graph:
    """Fails with an error of the hierarchy."""

    def node(state: State) -> State:
        raise TelewrightError("The kettle is empty.", advice="Fill it.")

    return _single(node)


def build_crashing() -> Graph:
    """Fails with whatever."""

    def node(state: State) -> State:
        raise ZeroDivisionError("one by zero")

    return _single(node)


def build_endless() -> Graph:
    """Starts a child process and waits for ever; the child goes when the node is cancelled."""

    async def node(state: State) -> State:
        child = await asyncio.create_subprocess_exec("sleep", "1000")
        Path(state["directory"], "child").write_text(str(child.pid))
        try:
            await child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return {}

    return _single(node)


def build_effects() -> Graph:
    """Six steps; each makes one effect with a note, which appends its name to a file when it really happens."""

    def step(number: int) -> Node:
        async def node(state: State, runtime: Runtime[RunContext]) -> State:
            async def make() -> dict[str, Any]:
                with Path(state["directory"], f"{state['name']}").open("a") as file:
                    file.write(f"{number}\n")
                await asyncio.sleep(0.02)
                return {"number": number}

            done = await runtime.context.ensure(
                f"step-{number}", "test", {"number": number}, make, note=lambda made: str(made["number"])
            )
            await asyncio.sleep(0.02)
            return {"answers": [str(done["number"])]}

        node.__name__ = f"step_{number}"
        return node

    def last(state: State) -> State:
        return {"result": {"answers": state["answers"]}}

    graph = StateGraph(State, context_schema=RunContext)
    steps = [(f"step_{number}", step(number)) for number in range(6)]
    graph.add_sequence([*steps, ("last", last)])
    graph.add_edge(START, "step_0")
    graph.add_edge("last", END)
    return graph.compile()


def _single(node: Node) -> Graph:
    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    return graph.compile()


def build_breakpoint() -> Graph:
    """Stops before a node without asking anything."""

    def node(state: State) -> State:
        return {}

    graph = StateGraph(State)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    return graph.compile(interrupt_before=["node"])


class _KettleIsHot(NotNow):
    """The kettle is hot."""


def build_pausing() -> Graph:
    """A node pauses as often and as long as the input says, and asks when it was let go on."""

    def node(state: State) -> State:
        said = Path(state["directory"]) / "pauses"
        pauses = said.read_text().split() if said.exists() else []
        if pauses:
            said.write_text(" ".join(pauses[1:]))
            raise _KettleIsHot(until=datetime.now(UTC) + timedelta(seconds=float(pauses[0])))
        return {"answers": [ask("Go on?")["choice"]]}

    def last(state: State) -> State:
        return {"result": {"answers": state["answers"]}}

    graph = StateGraph(State)
    graph.add_sequence([node, last])
    graph.add_edge(START, "node")
    graph.add_edge("last", END)
    return graph.compile()
