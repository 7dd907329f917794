"""A worker's heart: tells that it lives, and stops what it may not go on with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import psycopg
import structlog

from shared.database import Database
from shared.ids import RunId
from shared.ledger import claims
from shared.ledger.claims import SILENCE_S, Beat, Claim

_INTERVAL_S = 0.5
"""Half of what is left of the 2 s within which a cancelled run must stand still."""

log = structlog.get_logger()


class Stop(StrEnum):
    """Why a run was stopped from outside."""

    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    CLAIM_LOST = "claim_lost"


class Holding:
    """A run that is being driven here."""

    def __init__(self, claim: Claim, task: asyncio.Task[Any]) -> None:
        self.claim = claim
        self.stopped: Stop | None = None
        self._task = task

    def stop(self, why: Stop) -> None:
        """Cancel the work, once."""
        if self.stopped is None:
            self.stopped = why
            self._task.cancel()


class Heart:
    """Beats for all runs of a worker at once."""

    def __init__(self, database: Database, *, worker: str) -> None:
        """Make it; `beat_for_ever` makes it beat.

        Args:
            database: Where the beats are written.
            worker: This worker's name, which no other process has.
        """
        self._database = database
        self._worker = worker
        self._holdings: dict[RunId, Holding] = {}
        self._last_beat = time.monotonic()

    @contextmanager
    def holding(self, claim: Claim, task: asyncio.Task[Any]) -> Iterator[Holding]:
        """Watch over a run while it is driven."""
        holding = self._holdings[claim.run.id] = Holding(claim, task)
        try:
            yield holding
        finally:
            if self._holdings.get(claim.run.id) is holding:
                del self._holdings[claim.run.id]

    async def beat_for_ever(self) -> None:
        """Beat until cancelled; a database that does not answer is asked again."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            if not self._holdings:
                self._last_beat = time.monotonic()
                continue
            held = dict(self._holdings)
            try:
                async with self._database.connection() as connection:
                    beats = await claims.beat(connection, worker=self._worker)
            except psycopg.OperationalError as error:
                log.warning("heartbeat.missed", error=str(error))
                self._stop_when_silent()
                continue
            self._last_beat = time.monotonic()
            _obey(held, {(beat.run_id, beat.token): beat for beat in beats})

    def _stop_when_silent(self) -> None:
        """Stop everything: others may have taken up these runs by now."""
        if time.monotonic() - self._last_beat > SILENCE_S:
            for holding in self._holdings.values():
                holding.stop(Stop.CLAIM_LOST)


def _obey(held: dict[RunId, Holding], beats: dict[tuple[RunId, int], Beat]) -> None:
    for run_id, holding in held.items():
        beat = beats.get((run_id, holding.claim.token))
        if beat is None:
            # Also a run that ended between the two looks: its task is done, and stopping it does nothing.
            holding.stop(Stop.CLAIM_LOST)
        elif beat.cancel_requested:
            holding.stop(Stop.CANCELLED)
        elif beat.remaining_s <= 0:
            holding.stop(Stop.TIMED_OUT)
