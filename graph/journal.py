"""What a run has to write while it is driven: checkpoints and events, many to a transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from graph.statements import Statement, gathered
from shared.database import Connection, Database
from shared.ledger import claims, events
from shared.ledger.claims import Claim
from shared.live import Live

_GATHER_S = 0.1
"""How long something may wait for company: short for an eye, long for a database."""


class Journal:
    """Collects what a run writes, and writes it a moment later under the run's claim.

    A crash may lose that moment: the next worker then repeats the step that
    it held. What is done outside is not lost with it, since effects have a
    ledger of their own that is written at once.
    """

    def __init__(self, database: Database, live: Live, claim: Claim) -> None:
        """Make an empty journal; `write_until_closed` writes it."""
        self._database = database
        self._live = live
        self._claim = claim
        self._statements: list[Statement] = []
        self._told: list[events.Told] = []
        self._stirred = asyncio.Event()
        self._closed = asyncio.Event()
        self._writing = asyncio.Lock()

    def tell(self, type_: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event.

        Args:
            type_: One of the names in `shared.ledger.events`.
            data: Whatever a reader needs; never a secret.
        """
        self._told.append(events.Told(type_, dict(data or {})))
        self._stirred.set()

    def keep(self, statement: Statement) -> None:
        """Add a statement of the checkpointer."""
        self._statements.append(statement)
        self._stirred.set()

    async def write_until_closed(self) -> None:
        """Write what is added, a moment after it was.

        Raises:
            ClaimLost: Somebody else has taken up the run.
        """
        while not self._closed.is_set():
            await self._stirred.wait()
            self._stirred.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GATHER_S):
                    await self._closed.wait()
            if not self._closed.is_set():
                await self.write()

    def close(self) -> None:
        """Write no more by itself: what is left goes with whoever lets the run go."""
        self._closed.set()
        self._stirred.set()

    async def write(self) -> None:
        """Write what there is, now.

        Raises:
            ClaimLost: Somebody else has taken up the run.
        """
        async with self._writing:
            if not (self._statements or self._told):
                return
            statements, told = self._statements, self._told
            try:
                async with self._database.pipelined_transaction() as tx:
                    await claims.assert_held(tx, self._claim)
                    telling = await self.write_statements(tx)
                    await events.append_all(tx, self._claim.run.id, telling, token=self._claim.token)
            except BaseException:
                # Whatever is written later must not stand without what was to be written before it.
                self._statements, self._told = statements + self._statements, told + self._told
                raise
        self._live.wake(self._claim.run.session_id)

    async def write_statements(self, tx: Connection) -> list[events.Told]:
        """Execute the checkpointer's statements in a transaction that has made sure of the claim.

        Returns:
            What is still to be told, for the same transaction to append.
        """
        statements, self._statements = self._statements, []
        told, self._told = self._told, []
        if statements:
            async with tx.cursor(binary=True) as cursor:
                for query, row in gathered(statements):
                    await cursor.execute(query, row, prepare=True)
        run = self._claim.run
        if (run.takeovers or run.paused_since) and any(one.type == events.STEP_FINISHED for one in told):
            await claims.note_progress(tx, self._claim)
        return told
