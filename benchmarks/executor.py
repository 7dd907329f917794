"""The durable engine beside bare LangGraph: start, interrupt, resume, finish, twenty at a time.

Bare LangGraph is set up as its documentation does (see `benchmarks.bare`):
one `AsyncPostgresSaver` that all runs share, on asyncio's own loop. Here every
run is accepted, queued, ledgered and recoverable besides. Each is measured
with one process, and with two that share the work; what Telewright's client
costs is counted as well, since it shares the machine.

    python -m benchmarks.executor
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import uvloop

from benchmarks.bare import at_a_time
from benchmarks.cost import Cost, spent
from benchmarks.installation import Parts, environment, process, servers
from benchmarks.workflow import build_app
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
WARM_UP = 60
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """How fast runs went, and what each cost."""

    rate: float
    cost: Cost


async def bare(parts: Parts, loop: str, processes: int) -> Measured:
    """Measure LangGraph alone, in so many processes."""
    with ExitStack() as stack:
        started = [stack.enter_context(_bare_process(parts, loop, processes)) for _ in range(processes)]
        await asyncio.to_thread(_all_ready, started)

        async def go() -> None:
            for one in started:
                assert one.stdin is not None
                one.stdin.write(b"go\n")
                one.stdin.flush()
            await asyncio.to_thread(_all_ready, started)

        return await _measured(parts, [one.pid for one in started], go)


@contextmanager
def _bare_process(parts: Parts, loop: str, processes: int) -> Iterator[subprocess.Popen[bytes]]:
    arguments = ["benchmarks.bare", loop, str(RUNS // processes), str(CONCURRENCY // processes)]
    with subprocess.Popen(
        [sys.executable, "-m", *arguments], env=environment(parts), stdin=-1, stdout=-1
    ) as started:
        yield started


def _all_ready(started: list[subprocess.Popen[bytes]]) -> None:
    for one in started:
        if one.stdout is None or one.stdout.readline() != b"ready\n":
            raise RuntimeError("LangGraph alone has failed")


async def durable(parts: Parts, workers: int) -> Measured:
    """Measure the engine: so many workers, and this process as their client."""
    async with Database(parts.database_url, connections=CONCURRENCY) as database:
        client = Client(database)
        await client.open()
        with ExitStack() as stack:
            started = [stack.enter_context(process("worker", parts)) for _ in range(workers)]
            async with client.looking():
                await _until_all_listen(database, workers)
                await at_a_time(client.one, WARM_UP, CONCURRENCY)
                return await _measured(
                    parts,
                    [one.pid for one in started],
                    lambda: at_a_time(client.one, RUNS, CONCURRENCY),
                )


async def _until_all_listen(database: Database, workers: int) -> None:
    while True:
        async with database.connection() as connection:
            cursor = await connection.execute(
                "SELECT FROM procrastinate_workers WHERE last_heartbeat > now() - interval '5 seconds'"
            )
        if cursor.rowcount >= workers:
            return
        await asyncio.sleep(0.1)


async def _measured(parts: Parts, pids: list[int], go: Callable[[], Awaitable[None]]) -> Measured:
    before = await spent(parts, pids)
    started = time.perf_counter()
    await go()
    rate = RUNS / (time.perf_counter() - started)
    return Measured(rate, (await spent(parts, pids)).of_each(before, RUNS))


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


async def main() -> None:
    """Measure each several times, in turns; print the medians and their ratios to LangGraph's."""
    subjects: dict[str, Callable[[Parts], Awaitable[Measured]]] = {
        "LangGraph, as documented": lambda parts: bare(parts, "asyncio", 1),
        "LangGraph on uvloop": lambda parts: bare(parts, "uvloop", 1),
        "LangGraph, as documented, twice": lambda parts: bare(parts, "asyncio", 2),
        "Telewright, one worker": lambda parts: durable(parts, 1),
        "Telewright, two workers": lambda parts: durable(parts, 2),
    }
    measured: dict[str, list[Measured]] = {name: [] for name in subjects}
    async with servers() as parts:
        for _ in range(ROUNDS):
            for name, measure in subjects.items():
                measured[name].append(await measure(parts))
    _report(measured)


def _report(measured: dict[str, list[Measured]]) -> None:
    print(f"{'':33} runs/s  CPU ms/run: processes  PostgreSQL     all   others  commits/run  WAL kB/run")
    for name, several in measured.items():
        processes = 1000 * median(one.cost.processes_s for one in several)
        postgres = 1000 * median(one.cost.postgres_s for one in several)
        print(
            f"{name:33} {_rate(several):6.1f}              {processes:9.1f}   {postgres:9.1f}"
            f"  {processes + postgres:6.1f}  {1000 * median(one.cost.others_s for one in several):7.1f}"
            f"       {median(one.cost.commits for one in several):6.1f}"
            f"      {median(one.cost.wal_bytes for one in several) / 1000:6.1f}"
        )
    rates = {name: _rate(several) for name, several in measured.items()}
    documented, on_uvloop, twice, one, two = rates.values()
    print(f"ratio, one worker to LangGraph as documented      {one / documented:5.2f}")
    print(f"ratio, one worker to LangGraph on uvloop          {one / on_uvloop:5.2f}")
    print(f"ratio, two workers to two processes of LangGraph  {two / twice:5.2f}")
    print(
        "Where others take much, the rates are not to be compared: more processes get more of a busy machine."
    )


def _rate(several: list[Measured]) -> float:
    return median(one.rate for one in several)


if __name__ == "__main__":
    uvloop.run(main())
