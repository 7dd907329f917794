"""Bring a database to the schema this version needs.

Alembic keeps the order; the statements are the SQL files beside it. The queue
and the checkpointer bring tables of their own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

_LOCK = 7241_1001
"""Advisory lock that makes several starters take turns."""


async def upgrade(database_url: str) -> None:
    """Migrate to the newest schema; do nothing when it is there already.

    Safe when several processes do it at once: they take turns.

    Args:
        database_url: A libpq URL.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        await asyncio.to_thread(command.upgrade, _config(database_url), "head")
        async with AsyncPostgresSaver.from_conn_string(database_url) as saver:
            await saver.setup()


def head() -> str:
    """Return the revision this version needs."""
    from alembic.script import ScriptDirectory

    revision = ScriptDirectory.from_config(_config("")).get_current_head()
    assert revision is not None, "there is always a first migration"  # noqa: S101
    return revision


def _config(database_url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["database_url"] = database_url
    return config
