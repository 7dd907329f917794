"""Where projects' default branches stand, as the sync with GitHub knows it."""

from __future__ import annotations

from graph.orchestrator.world import DEFAULT_BRANCH, repository_of
from infrastructure.forge import NoRepository, Reading
from scheduler.ingestion import HeadOf
from shared.database import Database
from shared.ledger import repositories
from shared.ledger.projects import Project


def known_heads(database: Database, forge: Reading) -> HeadOf:
    """Return what says where a project's default branch stands.

    Args:
        database: Where the sync notes it.
        forge: Is asked for what the sync does not know, as repositories on this machine.
    """

    async def head_of(project: Project) -> str | None:
        async with database.connection() as connection:
            known = await repositories.of_project(connection, project.id)
        if known is None or known.looked_at is None:
            return await forge.head(repository_of(project), DEFAULT_BRANCH)
        if known.gone_at is not None:
            # Not None, at which everything would leave the index: it may come back.
            raise NoRepository(f"{known.owner}/{known.name} is no longer on GitHub")
        return known.head

    return head_of
