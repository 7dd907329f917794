"""Workflow versions as compiled graphs, each compiled once a process."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from shared.database import Database
from shared.errors import BadInput
from shared.ledger import workflows
from shared.ledger.workflows import NoSuchWorkflow, WorkflowVersion

Graph = CompiledStateGraph[Any, Any, Any, Any]
BuildApp = Callable[[], Graph]


class StopsWithoutQuestion(BadInput):
    """The workflow stops before or after a node without asking anything, so nobody could let it go on."""

    code = "stops_without_question"
    advice = "Compile it without `interrupt_before` and `interrupt_after`; let a node call `interrupt()`."


class WorkflowRegistry:
    """Finds the compiled graph of a workflow version."""

    def __init__(self, database: Database, provided: Mapping[str, BuildApp]) -> None:
        """Make an empty registry.

        Args:
            database: Where versions are stored.
            provided: By entrypoint (`module:build_app`), those whose parts this
                process has put together. Any other entrypoint is imported.
        """
        self._database = database
        self._provided = provided
        self._compiled: dict[int, Graph] = {}

    async def compiled(self, version_id: int) -> Graph:
        """Return the compiled graph of a version.

        Raises:
            NoSuchWorkflow: There is no such version, or its code cannot be imported.
        """
        if version_id not in self._compiled:
            async with self._database.connection() as connection:
                version = await workflows.get(connection, version_id)
            provided = self._provided.get(version.definition["entrypoint"])
            build = await asyncio.to_thread(_import, version) if provided is None else provided
            self._compiled[version_id] = _checked(build())
        return self._compiled[version_id]


def _checked(graph: Graph) -> Graph:
    if graph.interrupt_before_nodes or graph.interrupt_after_nodes:
        raise StopsWithoutQuestion
    return graph


def _import(version: WorkflowVersion) -> BuildApp:
    module_name, _, name = version.definition["entrypoint"].partition(":")
    try:
        build: BuildApp = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise NoSuchWorkflow(
            f"{version.workflow} {version.version} cannot be loaded: {error}",
            advice="Install the code this version was published with on every worker.",
        ) from error
    return build
