"""The durable engine as a test uses it: accept runs, answer them, let workers work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from graph.executor import Executor
from graph.heart import Heart
from graph.jobs import add_tasks
from graph.registry import WorkflowRegistry
from scheduler.recovery import Recovered, recover
from shared import queue
from shared.database import Database
from shared.ids import ProjectId, RunId, UserId
from shared.ledger import approvals, events, projects, runs, sessions, users, workflows
from shared.ledger.approvals import Approval
from shared.ledger.events import Event
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role, User
from shared.live import Live
from shared.queue import queue_app
from shared.tracing import new_trace_id
from tests import worker
from tests.forked import Forked

T = TypeVar("T")

OWNER = User(UserId("test:owner"), "Olga", Role.OWNER)


class Engine:
    """An opened engine over one database."""

    def __init__(self, database: Database, live: Live) -> None:
        self.database = database
        self.live = live
        self.queue = queue_app()

    async def accept(
        self,
        build: Callable[[], Any],
        input_: dict[str, Any] | None = None,
        *,
        project_id: ProjectId | None = None,
        time_limit_s: int = 1800,
        idempotency_key: str | None = None,
    ) -> Run:
        """Accept a run of a workflow of `tests.workflows`, and queue its job."""
        async with self.database.transaction() as tx:
            user = await users.ensure(tx, OWNER.id, name=OWNER.name, role=OWNER.role)
            session = await sessions.ensure(tx, front="test", external_key="main", owner_id=user.id)
            version = await workflows.publish(
                tx,
                workflow=build.__name__,
                version="1",
                kind="python",
                definition={"entrypoint": f"{build.__module__}:{build.__name__}"},
            )
            run, new = await runs.accept(
                tx,
                workflow_version_id=version.id,
                session_id=session.id,
                requested_by=user.id,
                title=build.__name__,
                input_=input_ or {},
                trace_id=new_trace_id(),
                project_id=project_id,
                time_limit_s=time_limit_s,
                idempotency_key=idempotency_key,
            )
            if new:
                await queue.defer(tx, run)
        return run

    async def project(self, name: str = "hello") -> ProjectId:
        """Make a project."""
        async with self.database.transaction() as tx:
            user = await users.ensure(tx, OWNER.id, name=OWNER.name, role=OWNER.role)
            session = await sessions.ensure(tx, front="test", external_key="main", owner_id=user.id)
            project = await projects.create(
                tx,
                name=name,
                blueprint="web-service",
                description="",
                owner_id=user.id,
                session_id=session.id,
            )
        return project.id

    async def run(self, run: Run | RunId) -> Run:
        """Return a run as it is now."""
        async with self.database.connection() as connection:
            return await runs.get(connection, run.id if isinstance(run, Run) else run)

    async def events(self, run: Run) -> list[Event]:
        """Return all of a run's events."""
        async with self.database.connection() as connection:
            return await events.after(connection, run.id, 0, limit=10_000)

    async def waiting(self, run: Run) -> list[Approval]:
        """Return what a run asks now."""
        async with self.database.connection() as connection:
            return [one for one in await approvals.of_run(connection, run.id) if one.status == "pending"]

    async def decide(self, approval: Approval, choice: str, user: User = OWNER) -> Approval:
        """Answer a question."""
        async with self.database.transaction() as tx:
            return await approvals.decide(
                tx, approval.id, user=user, front="test", trace_id=new_trace_id(), choice=choice
            )

    async def drain(self, *, worker: str = "test-worker", later: bool = True) -> None:
        """Do all jobs there are, and those they cause, in this process; also what is to be done later."""
        app = queue_app()
        heart = Heart(self.database, worker=worker)
        add_tasks(
            app, Executor(self.database, self.live, WorkflowRegistry(self.database, {}), heart, worker=worker)
        )
        async with app.open_async(self.database.pool):
            beating = asyncio.create_task(heart.beat_for_ever())
            while await self._jobs(later=later):
                await app.run_worker_async(
                    wait=False,
                    concurrency=20,
                    install_signal_handlers=False,
                    listen_notify=False,
                    name=worker,
                )
            beating.cancel()

    async def _jobs(self, *, later: bool) -> int:
        async with self.database.connection() as connection:
            cursor = await connection.execute(
                """
                SELECT count(*) FROM procrastinate_jobs
                 WHERE status = 'todo' AND (%s OR scheduled_at IS NULL OR scheduled_at <= now())
                """,
                [later],
            )
            row = await cursor.fetchone()
        return int(row[0]) if row else 0

    async def recover(self) -> Recovered:
        """Make one pass of recovery."""
        async with self.queue.open_async(self.database.pool):
            return await recover(self.database, self.queue, self.live)


@asynccontextmanager
async def open_engine(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    """Open an engine."""
    async with Database(database_url, connections=20) as database, Live(redis_url) as live:
        yield Engine(database, live)


async def until(look: Callable[[], Awaitable[T]], *, within_s: float = 120) -> T:
    """Look again and again until what is seen is true; return it."""
    async with asyncio.timeout(within_s):
        while not (seen := await look()):
            await asyncio.sleep(0.02)
    return seen


def process(role: str, database_url: str, redis_url: str) -> Forked:
    """Start a worker or a scheduler as a process of its own."""
    return Forked(
        worker.main, role, environment={**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    )


def end(process: Forked | subprocess.Popen[bytes], number: signal.Signals = signal.SIGKILL) -> int:
    """End a process this test started."""
    process.send_signal(number)
    return process.wait(20)


def ended(run: Run) -> bool:
    """Whether nothing follows."""
    return Status(run.status).ended
