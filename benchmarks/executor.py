"""The durable engine beside bare LangGraph: start, interrupt, resume, finish, twenty at a time.

Bare LangGraph is set up as its documentation does: one `AsyncPostgresSaver`
that all runs share, on asyncio's own loop. Here every run is accepted, queued, ledgered and
recoverable besides, in processes of their own.

    python -m benchmarks.executor
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.types import Command

from benchmarks.installation import Parts, process, servers
from benchmarks.workflow import build_app, builder
from graph.registry import Graph
from shared import queue
from shared.database import Database
from shared.ids import ApprovalId, RunId, UserId
from shared.ledger import approvals, runs, sessions, users, workflows
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role, User
from shared.tracing import new_trace_id

RUNS = 400
CONCURRENCY = 20
WARM_UP = 40


async def bare(database_url: str) -> float:
    """Return runs a second of LangGraph alone."""
    async with AsyncPostgresSaver.from_conn_string(database_url) as saver:
        graph = builder().compile(checkpointer=saver)

        async def one() -> None:
            config = {"configurable": {"thread_id": str(uuid4())}}
            await graph.ainvoke({}, config)  # type: ignore[call-overload]
            after = await graph.ainvoke(Command(resume={"choice": "yes"}), config)  # type: ignore[call-overload]
            if after["value"] != 2:
                raise AssertionError(after)

        await _at_a_time(one, WARM_UP)
        return await _rate(one)


async def durable(parts: Parts) -> float:
    """Return runs a second of the engine: one worker, and this process as its client."""
    async with Database(parts.database_url, connections=CONCURRENCY) as database:
        client = Client(database)
        await client.open()
        with process("worker", parts):
            async with client.looking():
                await _at_a_time(client.one, WARM_UP)
                return await _rate(client.one)


class Client:
    """Somebody who starts runs and answers them."""

    def __init__(self, database: Database, build: Callable[[], Graph] = build_app) -> None:
        """Use an opened database; start runs of this workflow."""
        self._database = database
        self._build = build
        self._expected: dict[tuple[RunId, Status], asyncio.Future[ApprovalId]] = {}
        self.user = User(UserId("benchmark:owner"), "Benchmark", Role.OWNER)

    async def open(self) -> None:
        """Make what a run needs."""
        async with self._database.transaction() as tx:
            await users.ensure(tx, self.user.id, name=self.user.name, role=self.user.role)
            session = await sessions.ensure(tx, front="benchmark", external_key="1", owner_id=self.user.id)
            version = await workflows.publish(
                tx,
                workflow="benchmark",
                version="1",
                kind="python",
                definition={"entrypoint": f"{self._build.__module__}:{self._build.__name__}"},
            )
        self._session, self._version = session.id, version.id

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Look for answers and ends of all runs at once, as a front's notifier would."""
        async with asyncio.TaskGroup() as tasks:
            look = tasks.create_task(self._look())
            yield
            look.cancel()

    async def _look(self) -> None:
        while True:
            if self._expected:
                async with self._database.connection() as connection:
                    cursor = await connection.execute(
                        """
                        SELECT runs.id, runs.status, approvals.id
                          FROM runs LEFT JOIN approvals ON run_id = runs.id AND approvals.status = 'pending'
                         WHERE runs.id = ANY(%s) AND runs.status IN ('waiting', 'succeeded', 'failed')
                        """,
                        [[run_id for run_id, _ in self._expected]],
                    )
                    for run_id, status, approval_id in await cursor.fetchall():
                        if (expected := self._expected.pop((run_id, status), None)) is not None:
                            expected.set_result(approval_id)
            await asyncio.sleep(0.02)

    async def _seen(self, run: Run, status: Status) -> ApprovalId:
        """Wait until a run has a status; return what it asks."""
        expected: asyncio.Future[ApprovalId] = asyncio.get_running_loop().create_future()
        self._expected[(run.id, status)] = expected
        return await expected

    async def one(self) -> None:
        """Start a run, answer it, and see it end."""
        run = await self.start()
        question = await self._seen(run, Status.WAITING)
        async with self._database.transaction() as tx:
            await approvals.decide(
                tx, question, user=self.user, front="benchmark", trace_id=new_trace_id(), choice="yes"
            )
        await self._seen(run, Status.SUCCEEDED)

    async def start(self, input_: dict[str, Any] | None = None) -> Run:
        """Start a run."""
        async with self._database.transaction() as tx:
            run, _ = await runs.accept(
                tx,
                workflow_version_id=self._version,
                session_id=self._session,
                requested_by=self.user.id,
                title="benchmark",
                input_=input_ or {"value": 0},
                trace_id=new_trace_id(),
            )
            await queue.defer(tx, run)
        return run

    async def until_all_ended(self, count: int) -> None:
        """Return when so many runs have succeeded."""
        while await self._succeeded() < count:  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.05)

    async def _succeeded(self) -> int:
        async with self._database.connection() as connection:
            cursor = await connection.execute("SELECT count(*) FROM runs WHERE status = 'succeeded'")
            row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def _at_a_time(one: Callable[[], Awaitable[None]], count: int) -> None:
    slots = asyncio.Semaphore(CONCURRENCY)

    async def in_slot() -> None:
        async with slots:
            await one()

    await asyncio.gather(*(in_slot() for _ in range(count)))


async def _rate(one: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await _at_a_time(one, RUNS)
    return RUNS / (time.perf_counter() - started)


async def main() -> None:
    """Measure both three times, in turns; print the best of each and their ratio."""
    async with servers() as parts:
        alone, ours = [], []
        for _ in range(3):
            alone.append(await bare(parts.database_url))
            ours.append(await durable(parts))
        print(f"bare LangGraph, one shared saver     {max(alone):6.1f} runs/s")
        print(f"Telewright, durable                  {max(ours):6.1f} runs/s")
        print(f"ratio                                {max(ours) / max(alone):6.2f}")


if __name__ == "__main__":
    asyncio.run(main())
