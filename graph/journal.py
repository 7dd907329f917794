"""A run's events on their way to the ledger, in order and many to a transaction."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from shared.database import Connection, Database
from shared.ledger import claims, events
from shared.ledger.claims import Claim
from shared.live import Live

_GATHER_S = 0.05
"""How long an event may wait for others: short for an eye, long for a database."""


class Journal:
    """Collects what a run has to tell, and writes it soon.

    A crash may lose the last moment of what was told, never what was done:
    effects have a ledger of their own, and the next worker tells its own story.
    """

    def __init__(self, database: Database, live: Live, claim: Claim) -> None:
        """Make an empty journal; `write_until_closed` writes it."""
        self._database = database
        self._live = live
        self._claim = claim
        self._told: list[events.Told] = []
        self._stirred = asyncio.Event()
        self._closed = asyncio.Event()

    def tell(self, type_: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event.

        Args:
            type_: One of the names in `shared.ledger.events`.
            data: Whatever a reader needs; never a secret.
        """
        self._told.append(events.Told(type_, dict(data or {})))
        self._stirred.set()

    async def write_until_closed(self) -> None:
        """Write what is told, a moment after it was.

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
                await self._write()

    def close(self) -> None:
        """Write no more by itself: what is left goes with whoever lets the run go."""
        self._closed.set()
        self._stirred.set()

    async def write_rest(self, tx: Connection) -> None:
        """Write what is left, in the transaction that lets the run go.

        Raises:
            ClaimLost: Somebody else has taken up the run.
        """
        await self._append(tx, self._told)

    async def _write(self) -> None:
        telling, self._told = self._told, []
        async with self._database.transaction() as tx:
            await self._append(tx, telling)
        await self._live.wake(self._claim.run.session_id)

    async def _append(self, tx: Connection, telling: list[events.Told]) -> None:
        await events.append_claimed(tx, self._claim.run.id, self._claim.token, telling)
        if self._claim.run.takeovers and any(one.type == events.STEP_FINISHED for one in telling):
            await claims.note_progress(tx, self._claim)
