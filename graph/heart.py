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

    def __init__(self, database: Database, *, worker: str, silence_s: float = SILENCE_S) -> None:
        """Make it; `beat_for_ever` makes it beat.

        Args:
            database: Where the beats are written.
            worker: This worker's name, which no other process has.
            silence_s: After so long without a beat, others may have taken up its runs.
        """
        self._database = database
        self._worker = worker
        self._silence_s = silence_s
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
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            # A beat may hang for as long as a network keeps silent: it cannot be what looks at the clock.
            group.create_task(self._watch_for_silence())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL_S)
            if not self._holdings:
                self._last_beat = time.monotonic()
                continue
            held = dict(self._holdings)
            try:
                async with self._database.connection() as connection:
                    beats = await claims.beat(connection, list(held), worker=self._worker)
            except psycopg.OperationalError as error:
                log.warning("heartbeat.missed", error=str(error))
                continue
            self._last_beat = time.monotonic()
            _obey(held, {(beat.run_id, beat.token): beat for beat in beats})

    async def _watch_for_silence(self) -> None:
        """Stop everything after a silence: others may have taken up these runs by now."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            before = self._last_beat
            if time.monotonic() - before <= self._silence_s:
                continue
            # A worker that was paused itself may ask first whether it was missed.
            await asyncio.sleep(_INTERVAL_S)
            if self._last_beat == before:
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
