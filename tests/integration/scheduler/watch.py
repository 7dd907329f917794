"""A project that is deployed, and whoever looks at its service again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from psycopg.types.json import Jsonb

from graph.conversation import Conversation, Message, Reply, Services
from infrastructure.blueprints import catalogue
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from scheduler.server_health import Checked, World, server_health
from shared.database import Database
from shared.ledger import claims, deployments, health, projects, releases, sessions
from shared.ledger.claims import Ending
from shared.ledger.health import Aspect
from shared.ledger.projects import Project
from shared.ledger.runs import Run, Status
from shared.locks import HeldLock
from tests.checkups import Edge
from tests.engine import OWNER, Engine
from tests.workflows import build_failing

HELD = HeldLock("server_health", 1)
URL = "http://127.0.0.1:8100/"
HEALTH = f"{URL}healthz"
BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
RUNNING = ServiceStatus(ServiceState.RUNNING, port=8100, url=URL, processes_since=BEGAN)
CONTRACT = {
    "version": 1,
    "processes": {"web": {"command": ["python"], "port": True}},
    "health": {"path": "/healthz"},
}


@dataclass
class Watch:
    """A project that is deployed, and whoever looks at its service."""

    engine: Engine
    edge: Edge
    """What is looked at, unless a test looks at something real."""
    project: Project
    run: Run
    """The one that deployed it."""
    read: int = 0
    groups_in_settings: Sequence[int] = ()

    @property
    def database(self) -> Database:
        return self.engine.database

    async def look(self, times: int = 1, world: World | None = None) -> list[Checked]:
        return [
            await server_health(
                self.database,
                self.engine.live,
                HELD,
                world=world or self.edge.world,
                groups_in_settings=self.groups_in_settings,
            )
            for _ in range(times)
        ]

    async def told(self) -> list[Reply]:
        """Return what was said in the project's session since the last time."""
        async with self.database.connection() as connection:
            turns = await sessions.turns_after(connection, self.project.session_id, self.read)
        self.read = max([self.read, *(turn.seq for turn in turns)])
        return [Reply.model_validate(turn.body) for turn in turns if turn.author == "telewright"]

    async def known(self, aspect: Aspect = Aspect.SERVICE) -> health.Health:
        async with self.database.connection() as connection:
            [one] = [one for one in await health.of_everything(connection) if one.aspect is aspect]
        return one

    async def want(self, service: projects.Service) -> None:
        async with self.database.transaction() as tx:
            await projects.set_service(tx, self.project.id, service)

    async def release(self) -> None:
        """Let the project have one release more, and run it."""
        async with self.database.transaction() as tx:
            made = await releases.of_project(tx, self.project.id)
            release = await releases.record(
                tx, project_id=self.project.id, commit_sha=f"{len(made):040x}", digest="0" * 64,
                contract=CONTRACT, tests="", run_id=self.run.id,
            )  # fmt: skip
            deployed = await deployments.start(
                tx, project_id=self.project.id, release_id=release.id, run_id=self.run.id,
                attempt=release.number, server="local",
            )  # fmt: skip
            await deployments.succeed(tx, deployed.id, url=URL)

    async def contract(self, contract: dict[str, object]) -> None:
        """Let the release that runs have this contract."""
        async with self.database.transaction() as tx:
            await tx.execute("UPDATE releases SET contract = %s", [Jsonb(contract)])

    async def work(self) -> claims.Claim:
        """Let a run work on the project."""
        run = await self.engine.accept(build_failing, project_id=self.project.id)
        async with self.database.transaction() as tx:
            claim = await claims.claim(tx, run.id, worker="w1")
        assert claim is not None
        return claim

    async def finish(self, claim: claims.Claim) -> None:
        async with self.database.transaction() as tx:
            await claims.let_go_ended(tx, await claims.lock_held(tx, claim), Ending(Status.SUCCEEDED))

    async def say(self, text: str) -> Reply:
        """Say something where the project is talked about."""
        conversation = Conversation(
            self.database, self.engine.live, Services(catalogue=catalogue, reader=self.edge)
        )
        said = Message(
            front="test", external_id=uuid4().hex, session_id=self.project.session_id, user=OWNER, text=text
        )
        [reply] = await conversation.receive(said)
        return reply
