"""An engine for each test, over a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.engine import Engine, open_engine


@pytest.fixture
async def engine(database_url: str, redis_url: str) -> AsyncIterator[Engine]:
    """An engine over a database of its own."""
    async with open_engine(database_url, redis_url) as engine:
        yield engine
