"""The database and the wake-ups, as every process of an installation opens them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.embedded import endpoints
from shared import migrations
from shared.database import Database
from shared.live import Live
from shared.settings import Settings


@asynccontextmanager
async def open_ledgers(
    settings: Settings, *, connections: int, plans_once: bool = False
) -> AsyncIterator[tuple[Database, Live]]:
    """Open both; see `Database`.

    Raises:
        Unavailable: The database cannot be reached, or nothing runs for this home.
        NotMigrated: The database has an older schema, or none.
    """
    found = await endpoints(settings)
    async with (
        Database(found.database_url, connections=connections, plans_once=plans_once) as database,
        Live(found.redis_url) as live,
    ):
        await migrations.check(found.database_url)
        yield database, live
