"""The project's own tests, in the sandbox."""

from __future__ import annotations

import asyncio

from graph.context import RunContext
from graph.orchestrator.output import Output, clean
from graph.orchestrator.state import State, Step
from graph.orchestrator.tools import Tools
from graph.orchestrator.tree import copy_for_tests, written_tree
from infrastructure import contract
from infrastructure.project_tests import run_tests
from shared.errors import TelewrightError
from shared.ledger import events


class TestsFailed(TelewrightError):
    """The project's tests failed; nothing was published."""

    __test__ = False  # for pytest: this is no test class

    code = "tests_failed"
    advice = "Read the output above, correct the project, and start it again."


async def test(state: State, context: RunContext, tools: Tools) -> State:
    """Run the tests and show their output as it comes.

    Raises:
        TestsFailed: Nothing of what they tested goes any further.
    """
    tree = await written_tree(state, context, tools)
    agreed = await asyncio.to_thread(contract.load, tree)
    copy = await asyncio.to_thread(copy_for_tests, tree)
    with Output(context, Step.TEST) as output:
        report = await run_tests(
            copy, agreed, sandbox=tools.sandbox, dependencies=tools.dependencies, on_line=output.line
        )
    summary = clean(report.summary)
    if not report.passed:
        raise TestsFailed(f"The project's tests failed: {summary}. Nothing was published.")
    context.emit(events.NOTE_WRITTEN, {"text": f"Tests: {summary}."})
    return State(tests=summary)
