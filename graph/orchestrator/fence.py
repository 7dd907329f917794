"""Transactions that only the worker that holds the run can commit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from graph.context import RunContext
from shared.database import Connection
from shared.ledger import runs


@asynccontextmanager
async def fenced(context: RunContext) -> AsyncIterator[Connection]:
    """Lend a connection inside a transaction that holds the run's claim until it ends.

    The run's project is locked before the run, as everywhere.

    Raises:
        ClaimLost: Somebody else has taken up the run.
    """
    async with context.database.transaction() as tx:
        await runs.get_claimed(tx, context.run.id, context.claim.token)
        yield tx
