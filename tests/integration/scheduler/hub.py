"""An owner's repositories on a GitHub, their projects here, and the sync between the two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import TypeAdapter

from graph.conversation.replies import Reply, Text
from infrastructure.forge.github import FixedToken, GitHubClient, Patience
from infrastructure.forge.github.survey import GitHubSurvey
from scheduler.github_sync import Synced, github_sync
from shared.database import Database
from shared.ids import ProjectId, UserId
from shared.ledger import check_runs, projects, pull_requests, repositories, sessions, users
from shared.ledger.check_runs import CheckSeen
from shared.ledger.pull_requests import Pull
from shared.ledger.repositories import Known
from shared.ledger.users import Role
from shared.live import Live
from shared.locks import HeldLock
from tests.fakes.github import GitHub, Project

HELD = HeldLock("github_sync", 1)
README: dict[str, str | bytes] = {"README.md": "# Hello\n"}


@dataclass
class Hub:
    """What a test has."""

    database: Database
    live: Live
    github: GitHub
    survey: GitHubSurvey

    async def project(self, repository: Project, *, session: str = "1") -> ProjectId:
        """Let a repository be the one of a new project, which has the same name."""
        name = repository.full_name.partition("/")[2]
        async with self.database.transaction() as tx:
            owner = await users.ensure(tx, UserId("test:owner"), name="Owner", role=Role.OWNER)
            where = await sessions.ensure(tx, front="test", external_key=session, owner_id=owner.id)
            project = await projects.create(
                tx, name=name, blueprint="web-service", description="", owner_id=owner.id, session_id=where.id
            )
            recorded = {"name": name, "url": repository.clone_url, "id": repository.id}
            await projects.set_repository(tx, project.id, recorded)
        return project.id

    async def sync(self, *, held: HeldLock = HELD, **changed: float) -> Synced:
        """Make a pass."""
        return await github_sync(
            self.database, self.live, self.survey, held, **{"list_every_s": 0.0, **changed}
        )

    async def settle(self) -> None:
        """Let ten minutes and more go by on GitHub, and sync until nothing is new and nothing is due."""
        self.github.advance(700)
        while (await self.sync()).looked:
            pass
        self.github.forget_requests()

    async def known(self, repository: Project) -> Known:
        """What is known of a repository."""
        async with self.database.connection() as connection:
            return (await repositories.all_known(connection))[repository.id]

    async def pulls(self, repository: Project) -> list[Pull]:
        """What is known of its pull requests."""
        async with self.database.connection() as connection:
            return await pull_requests.of_repository(connection, repository.id)

    async def checks(self, repository: Project, sha: str) -> list[CheckSeen]:
        """What is known of a commit's checks."""
        async with self.database.connection() as connection:
            return await check_runs.of_commit(connection, repository.id, sha)

    async def said(self) -> list[str]:
        """Everything that was told, in any session."""
        rows = await self.rows("SELECT body FROM turns WHERE author = 'telewright' ORDER BY created_at")
        replies = [TypeAdapter(Reply).validate_python(body) for (body,) in rows]
        return [block.text for reply in replies for block in reply.blocks if isinstance(block, Text)]

    async def all_due(self) -> None:
        """Let the time pass after which everything is looked at."""
        await self.rows("UPDATE repositories SET due_at = clock_timestamp() RETURNING 1")

    async def note_heads(self) -> None:
        """Have the database note every head that is ever stored, in the order in which they are."""
        async with self.database.transaction() as tx:
            await tx.execute(
                "CREATE TABLE heads (at BIGINT GENERATED ALWAYS AS IDENTITY, repository_id BIGINT, head TEXT)"
            )
            await tx.execute(
                """
                CREATE FUNCTION note_head() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO heads (repository_id, head) VALUES (NEW.id, NEW.head); RETURN NULL; END $$
                """
            )
            await tx.execute(
                """
                CREATE TRIGGER heads AFTER UPDATE ON repositories FOR EACH ROW
                WHEN (OLD.head IS DISTINCT FROM NEW.head) EXECUTE FUNCTION note_head()
                """
            )

    async def noted_heads(self) -> dict[int, list[str]]:
        """The heads that were stored of each repository since they are noted, oldest first."""
        noted = defaultdict[int, list[str]](list)
        async with self.database.connection() as connection:
            cursor = await connection.execute("SELECT repository_id, head FROM heads ORDER BY at")
            for number, head in await cursor.fetchall():
                noted[number].append(head)
        return noted

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the database."""
        async with self.database.connection() as connection:
            return list(await (await connection.execute(query)).fetchall())


@asynccontextmanager
async def hub_of(
    github: GitHub, database_url: str, redis_url: str, *, owner: str | None = None, patience_s: float = 0.0
) -> AsyncIterator[Hub]:
    """Put one together; its lock is held from the beginning."""
    client = GitHubClient(FixedToken(github.token, github.url), github.url, Patience(patience_s))
    async with Database(database_url, connections=6) as database, Live(redis_url) as live:
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO leases (name, token) VALUES ('github_sync', 1)")
        try:
            yield Hub(database, live, github, GitHubSurvey(client, owner))
        finally:
            client.close()
