"""Bring a database to the schema this version needs.

Alembic keeps the order; the statements are the SQL files beside it. The queue
and the checkpointer bring tables of their own.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path

import psycopg

from shared.errors import TelewrightError

_LOCK = 7241_1001
"""Advisory lock that makes several starters take turns."""

_CHECKPOINTER = "langgraph-checkpoint-postgres"


class NotMigrated(TelewrightError):
    """The database does not have the schema that this version needs."""

    code = "not_migrated"
    advice = "Run `telewright migrate`, then start again."


async def upgrade(database_url: str) -> None:
    """Migrate to the newest schema; do nothing when it is there already.

    Safe when several processes do it at once: they take turns.

    Args:
        database_url: A libpq URL.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if not await _is_current(connection):
            await _migrate(database_url)
            await connection.execute(f"COMMENT ON TABLE checkpoint_migrations IS '{_checkpointer()}'")


async def check(database_url: str) -> None:
    """Make sure that a database has the schema this version needs.

    Raises:
        NotMigrated: It has an older one, or none.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        if not await _is_current(connection):
            raise NotMigrated


def head() -> str:
    """Return the revision this version needs."""
    return max(file.name.partition("_")[0] for file in (Path(__file__).parent / "versions").glob("*.py"))


async def _is_current(connection: psycopg.AsyncConnection) -> bool:
    """Look without Alembic and LangGraph: importing them takes longer than starting a database."""
    try:
        cursor = await connection.execute(
            """
            SELECT (SELECT version_num FROM alembic_version),
                   obj_description('checkpoint_migrations'::regclass, 'pg_class')
            """
        )
    except psycopg.errors.UndefinedTable:
        return False
    return await cursor.fetchone() == (head(), _checkpointer())


async def _migrate(database_url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    await asyncio.to_thread(command.upgrade, config, "head")
    async with AsyncPostgresSaver.from_conn_string(database_url) as saver:
        await saver.setup()


def _checkpointer() -> str:
    """Return which version of the checkpointer's tables is needed."""
    return f"{_CHECKPOINTER} {version(_CHECKPOINTER)}"
