"""LangGraph's PostgreSQL saver, which writes through a run's journal and so under its claim."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    copy_checkpoint,
)
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.postgres.base import BasePostgresSaver
from psycopg import AsyncCursor, Cursor
from psycopg.rows import DictRow, dict_row

from graph.journal import Journal
from graph.statements import Row, Statement
from shared.database import Database


class JournalingSaver(AsyncPostgresSaver):
    """A saver for one run: a worker that has lost its claim saves nothing.

    What LangGraph saves goes into the journal, which writes it a moment later
    together with events, in one transaction that asserts the claim. One
    instance a run: the base class lets one operation through at a time, so
    that a shared one would make runs wait for each other.
    """

    def __init__(self, database: Database, journal: Journal, *, fresh: bool) -> None:
        """Make a saver.

        Args:
            database: Lends a connection for the time of each reading.
            journal: What is saved is kept there; `journal.write()` makes it readable.
            fresh: Whether nothing has ever been saved for this run, so that there is nothing to read.
        """
        super().__init__(database.pool)
        self._database = database
        self._journal = journal
        self._keeping = _KeepingSaver(journal)
        self._fresh = fresh
        self._read: dict[tuple[str, str | None], CheckpointTuple | None] = {}

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint; asked again before anything was saved, from memory.

        Nobody else writes this thread while the claim holds, and LangGraph and
        the executor ask for the newest one several times in a row.
        """
        if self._fresh:
            return None
        place = config.get("configurable", {})
        key = (place.get("checkpoint_ns", ""), place.get("checkpoint_id"))
        if key not in self._read:
            await self._journal.write()
            self._read[key] = await super().aget_tuple(config)
        read = self._read[key]
        return read and read._replace(checkpoint=copy_checkpoint(read.checkpoint))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint for the journal to write."""
        self._changed()
        return self._keeping.put(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task wrote for the journal to write."""
        self._changed()
        self._keeping.put_writes(config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Have the journal delete everything of a thread."""
        self._changed()
        self._keeping.delete_thread(thread_id)

    def _changed(self) -> None:
        self._fresh = False
        self._read.clear()

    async def _load_checkpoint_tuple(self, value: DictRow) -> CheckpointTuple:
        return self._keeping.loaded(value)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        """Lend a cursor to read with."""
        assert not pipeline, "what writes goes to the journal"  # noqa: S101
        async with (
            self.lock,
            self._database.connection() as connection,
            connection.cursor(binary=True, row_factory=dict_row) as cursor,
        ):
            yield cursor


class _KeepingSaver(PostgresSaver):
    """The same saver without a loop: turns what is saved into rows where it stands.

    The asynchronous one has a thread serialize each value. That holds the
    interpreter's lock all the while, and passing it to and fro costs more.
    """

    def __init__(self, journal: Journal) -> None:
        BasePostgresSaver.__init__(self)
        self._keeper = cast("Cursor[DictRow]", _Keeper(journal))

    def loaded(self, value: DictRow) -> CheckpointTuple:
        """Return the checkpoint of a row that was read."""
        return self._load_checkpoint_tuple(value)

    @contextmanager
    def _cursor(self, *, pipeline: bool = False) -> Iterator[Cursor[DictRow]]:
        yield self._keeper


class _Keeper:
    """A cursor to the saver: keeps statements, for the journal to execute."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def execute(self, query: str, parameters: Row) -> None:
        self._journal.keep(Statement(query, [parameters]))

    def executemany(self, query: str, parameters: Sequence[Row]) -> None:
        self._journal.keep(Statement(query, parameters))
