"""LangGraph's PostgreSQL saver, which writes through a run's journal and so under its claim."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, copy_checkpoint
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncCursor
from psycopg.abc import Query
from psycopg.rows import DictRow, dict_row

from graph.journal import Journal, Statement
from shared.database import Database


class JournalingSaver(AsyncPostgresSaver):
    """A saver for one run: a worker that has lost its claim saves nothing.

    What LangGraph saves goes into the journal, which writes it a moment later
    together with events, in one transaction that asserts the claim. One
    instance a run: the base class lets one operation through at a time, so
    that a shared one would make runs wait for each other.
    """

    def __init__(self, database: Database, journal: Journal) -> None:
        """Make a saver.

        Args:
            database: Lends a connection for the time of each reading.
            journal: What is saved is kept there; `journal.write()` makes it readable.
        """
        super().__init__(database.pool)
        self._database = database
        self._journal = journal
        self._read: dict[tuple[str, str | None], CheckpointTuple | None] = {}

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint; asked again before anything was saved, from memory.

        Nobody else writes this thread while the claim holds, and LangGraph and
        the executor ask for the newest one several times in a row.
        """
        place = config.get("configurable", {})
        key = (place.get("checkpoint_ns", ""), place.get("checkpoint_id"))
        if key not in self._read:
            await self._journal.write()
            self._read[key] = await super().aget_tuple(config)
        read = self._read[key]
        return read and read._replace(checkpoint=copy_checkpoint(read.checkpoint))

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """Lend a cursor; the base class asks for a pipeline wherever it writes."""
        if pipeline:
            self._read.clear()
            yield cast("AsyncCursor[DictRow]", _Keeper(self._journal))
            return
        async with (
            self.lock,
            self._database.connection() as connection,
            connection.cursor(binary=True, row_factory=dict_row) as cursor,
        ):
            yield cursor


class _Keeper:
    """A cursor to the base class: keeps statements, for the journal to execute."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def execute(self, query: Query, parameters: Sequence[Any]) -> None:
        self._journal.keep(Statement(query, [parameters]))

    async def executemany(self, query: Query, parameters: Sequence[Sequence[Any]]) -> None:
        self._journal.keep(Statement(query, list(parameters)))
