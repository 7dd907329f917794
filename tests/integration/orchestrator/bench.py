"""The orchestrator on its engine, as a test drives it: give it work, answer it, look at the world."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from graph.context import RunContext
from graph.executor import Executor
from graph.heart import Heart
from graph.journal import Journal
from graph.orchestrator.graph import build_orchestrator
from graph.orchestrator.tools import Tools
from graph.orchestrator.version import ENTRYPOINT, VERSION, WORKFLOW
from graph.orchestrator.work import Build, Work
from graph.registry import WorkflowRegistry
from infrastructure import programs
from shared.database import Database
from shared.ids import UserId
from shared.ledger import (
    approvals,
    claims,
    deployments,
    effects,
    events,
    projects,
    releases,
    runs,
    sessions,
    users,
    workflows,
)
from shared.ledger.approvals import Approval
from shared.ledger.deployments import Deployment
from shared.ledger.effects import Effect
from shared.ledger.projects import Project
from shared.ledger.releases import Release
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role, User
from shared.live import Live
from shared.tracing import new_trace_id

OWNER = User(UserId("test:owner"), "Olga", Role.OWNER)
OPERATOR = User(UserId("test:operator"), "Otto", Role.OPERATOR)


class Bench:
    """One installation: ledgers, tools, and an executor."""

    def __init__(self, database: Database, live: Live, tools: Tools) -> None:
        self.database = database
        self.live = live
        self.tools = tools

    async def work(self, work: Work, *, by: User = OWNER) -> Run:
        """Accept a piece of work and take it as far as it goes."""
        run = await self.accept(work, by=by)
        await self.go(run)
        return await self.run(run)

    async def accept(self, work: Work, *, by: User = OWNER) -> Run:
        """Accept a piece of work; nothing is done yet."""
        async with self.database.transaction() as tx:
            await users.ensure(tx, OWNER.id, name=OWNER.name, role=OWNER.role)
            await users.ensure(tx, OPERATOR.id, name=OPERATOR.name, role=OPERATOR.role)
            session = await sessions.ensure(tx, front="test", external_key="main", owner_id=OWNER.id)
            version = await workflows.publish(
                tx, workflow=WORKFLOW, version=VERSION, kind="python", definition={"entrypoint": ENTRYPOINT}
            )
            run, _ = await runs.accept(
                tx,
                workflow_version_id=version.id,
                session_id=session.id,
                requested_by=by.id,
                title=work.kind,
                input_=work.model_dump(mode="json"),
                trace_id=new_trace_id(),
                project_id=getattr(work, "project_id", None),
            )
        return run

    async def go(self, run: Run) -> None:
        """Take a run forward as a worker would."""
        executor = Executor(
            self.database,
            self.live,
            WorkflowRegistry(self.database, {ENTRYPOINT: lambda: build_orchestrator(self.tools)}),
            Heart(self.database, worker="bench"),
            worker="bench",
        )
        await executor.execute(run.id)

    async def after_pause(self, run: Run) -> Run:
        """Take a run that pauses forward, as if the moment were there."""
        async with self.database.transaction() as tx:
            cursor = await tx.execute(
                "UPDATE runs SET resume_at = now() WHERE id = %s AND resume_at IS NOT NULL", [run.id]
            )
            assert cursor.rowcount == 1, "it does not pause"
        await self.go(run)
        return await self.run(run)

    async def asks(self, run: Run) -> Approval:
        """Return the one question the run puts now."""
        async with self.database.connection() as connection:
            [question] = [
                one for one in await approvals.of_run(connection, run.id) if one.status == "pending"
            ]
        return question

    async def decide(
        self, run: Run, choice: str | None = None, text: str | None = None, *, by: User = OWNER
    ) -> None:
        """Answer the one question the run puts now, and leave it at that."""
        question = await self.asks(run)
        async with self.database.transaction() as tx:
            await approvals.decide(
                tx, question.id, user=by, front="test", trace_id=new_trace_id(), choice=choice, text=text
            )

    async def answer(
        self, run: Run, choice: str | None = None, text: str | None = None, *, by: User = OWNER
    ) -> Run:
        """Answer the one question the run puts now, and take it as far as it goes."""
        await self.decide(run, choice, text, by=by)
        await self.go(run)
        return await self.run(run)

    async def run(self, run: Run) -> Run:
        """Return the run as it is now."""
        async with self.database.connection() as connection:
            return await runs.get(connection, run.id)

    async def project(self, name: str) -> Project:
        async with self.database.connection() as connection:
            return await projects.by_name(connection, name)

    async def projects(self) -> list[str]:
        async with self.database.connection() as connection:
            return [project.name for project in await projects.all_of_them(connection)]

    async def releases(self, project: Project) -> list[Release]:
        async with self.database.connection() as connection:
            return await releases.of_project(connection, project.id)

    async def deployments(self, project: Project) -> list[Deployment]:
        async with self.database.connection() as connection:
            return await deployments.of_project(connection, project.id)

    async def effects(self, run: Run) -> list[Effect]:
        async with self.database.connection() as connection:
            return await effects.of_run(connection, run.id)

    async def steps(self, run: Run) -> list[str]:
        """Return the steps that were finished, in their order."""
        return [data["step"] for data in await self.told(run, events.STEP_FINISHED)]

    async def notes(self, run: Run) -> str:
        return "\n".join(data["text"] for data in await self.told(run, events.NOTE_WRITTEN))

    async def output(self, run: Run, step: str) -> list[str]:
        told = await self.told(run, events.OUTPUT_WRITTEN)
        return [line for data in told if data["step"] == step for line in data["lines"]]

    async def told(self, run: Run, type_: str) -> list[dict[str, Any]]:
        """Return what the run's events of a type say."""
        async with self.database.connection() as connection:
            every = await events.after(connection, run.id, 0, limit=10_000)
        assert [event.seq for event in every] == list(range(1, len(every) + 1))
        return [event.data for event in every if event.type == type_]

    async def live_project(self, name: str = "hello", blueprint: str = "note") -> Project:
        """Build a project and put it live."""
        run = await self.work(Build(blueprint=blueprint, name=name, description="A note"))
        run = await self.answer(run, "approve")
        run = await self.answer(run, "approve")
        assert run.status == "succeeded", run
        return await self.project(name)

    async def bare_project(self, name: str, *, repository: bool = True) -> Project:
        """Store a project that was never deployed."""
        async with self.database.transaction() as tx:
            await users.ensure(tx, OWNER.id, name=OWNER.name, role=OWNER.role)
            session = await sessions.ensure(tx, front="test", external_key="main", owner_id=OWNER.id)
            project = await projects.create(
                tx, name=name, blueprint="note", description="", owner_id=OWNER.id, session_id=session.id
            )
            if repository:
                await projects.set_repository(tx, project.id, {"name": name, "url": "nowhere"})
        return await self.project(name)


async def claimed(bench: Bench, run: Run) -> RunContext:
    """Take up the run, as the next worker does after a crash."""
    async with bench.database.transaction() as tx:
        claim = await claims.claim(tx, run.id, worker="next")
    assert claim is not None
    return RunContext(claim, bench.database, Journal(bench.database, bench.live, claim))


async def go_with_a_new_worker_in_every_step(bench: Bench, run: Run) -> int:
    """Take the run as far as it goes; every step's first worker is told to go when it is seen to have begun it.

    Returns:
        How many went while they held the run.
    """
    interrupted: set[str] = set()
    gone = 0
    while True:
        before = len(await bench.told(run, events.STEP_STARTED))
        working = asyncio.create_task(bench.go(run))
        while not working.done():
            begun = {data["step"] for data in (await bench.told(run, events.STEP_STARTED))[before:]}
            if begun - interrupted:
                interrupted |= begun
                working.cancel()
            await asyncio.wait([working], timeout=0.01)
        if not working.cancelled():
            working.result()
            return gone
        gone += (await bench.run(run)).status is Status.RUNNING


async def forget_records(bench: Bench, run: Run) -> None:
    """Leave effects as a crash does that comes between an effect and its record."""
    async with bench.database.connection() as connection:
        await connection.execute(
            "UPDATE effects SET status = 'started', result = NULL, done_at = NULL WHERE run_id = %s", [run.id]
        )


async def push(project: Project, path: str, content: str) -> str:
    """Push a commit to a project's repository as a person would, and return it."""
    assert project.repository is not None
    directory = Path(await asyncio.to_thread(tempfile.mkdtemp))
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.com"]
    await _run([*git, "clone", "-q", project.repository["url"], str(directory / "clone")])
    clone = directory / "clone"
    (clone / path).write_text(content)
    await _run([*git, "-C", str(clone), "add", path])
    await _run([*git, "-C", str(clone), "commit", "-q", "-m", "Change it"])
    await _run([*git, "-C", str(clone), "push", "-q", "origin", "HEAD:main"])
    sha = (await _run([*git, "-C", str(clone), "rev-parse", "HEAD"])).decode().strip()
    await asyncio.to_thread(shutil.rmtree, directory)
    return sha


async def _run(command: list[str]) -> bytes:
    ended = await programs.run(command)
    assert ended.exit_code == 0, ended.errors
    return ended.output
