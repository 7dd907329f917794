"""An engine for each test, over a database of its own."""

from collections.abc import AsyncIterator

import pytest

from shared.ledger import projects
from tests.checkups import Edge
from tests.engine import Engine, open_engine
from tests.integration.scheduler.watch import RUNNING, Watch
from tests.workflows import build_failing


@pytest.fixture
async def engine(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    """An engine over a database of its own."""
    async with open_engine(database_url, redis_url) as engine:
        yield engine


@pytest.fixture
async def watch(engine: Engine) -> Watch:
    """A project whose service runs, watched with the token 1 of the lock."""
    run = await engine.accept(build_failing)
    project_id = await engine.project("hello")
    async with engine.database.transaction() as tx:
        await tx.execute("INSERT INTO leases (name, token) VALUES ('server_health', 1)")
        await projects.set_service(tx, project_id, "running")
        project = await projects.get(tx, project_id)
    watch = Watch(engine, Edge({"hello": RUNNING}), project, run)
    await watch.release()
    return watch
