"""The steps of a build on GitHub, taken one by one."""

from __future__ import annotations

from typing import Any, cast

from langgraph.types import Command

from graph.orchestrator.approve_merge import proposal
from graph.orchestrator.intake import take_in_build
from graph.orchestrator.plan import plan
from graph.orchestrator.propose import propose
from graph.orchestrator.repository import ensure_repository
from graph.orchestrator.scaffold import scaffold
from graph.orchestrator.state import ApprovedMerge, State
from graph.orchestrator.tools import hosting_of
from graph.orchestrator.work import Build
from shared.ledger.runs import Run
from tests.integration.orchestrator.bench import Bench, claimed

NOTE = Build(blueprint="note", name="hello", description="A note to the world")


async def scaffolded(bench: Bench, run: Run, build: Build = NOTE) -> State:
    """Return the state with files that are written and tested."""
    context = await claimed(bench, run)
    state = State(kind="build", blueprint=build.blueprint, name=build.name, description=build.description)
    state.update(update(await take_in_build(state, context, bench.tools)))
    state.update(await plan(state, context, bench.tools))
    state.update(await scaffold(state, context, bench.tools))
    state["tests"] = "1 passed"
    return state


async def proposed(bench: Bench, run: Run) -> State:
    """Return the state with a pull request whose merge is approved."""
    state = await scaffolded(bench, run)
    state.update(update(await propose(state, await claimed(bench, run), bench.tools)))
    context, project = await claimed(bench, run), await bench.project("hello")
    repository = await ensure_repository(context, bench.tools, project)
    pull = await hosting_of(bench.tools).pull_request(repository, state["pull"]["number"])
    question = await proposal(state, context, bench.tools, project, repository, pull)
    assert question is not None
    state["approved_merge"] = ApprovedMerge(digest=question.digest, head=pull.head_sha, base=pull.base_sha)
    return state


def update(command: Command[Any]) -> State:
    """Return what a step has changed."""
    return cast("State", command.update)
