"""Tells of a graph's nodes, as events of its run."""

from __future__ import annotations

import time
from typing import Any

from shared.database import Database
from shared.ledger import claims, events
from shared.ledger.claims import Claim
from shared.live import Live


class StepReporter:
    """Turns LangGraph's `tasks` stream into `step.started` and `step.finished`."""

    def __init__(self, database: Database, live: Live, claim: Claim) -> None:
        self._database = database
        self._live = live
        self._claim = claim
        self._started: dict[str, float] = {}

    async def report(self, part: dict[str, Any]) -> None:
        """Tell of one part of the stream: a task that starts, or one that is done.

        Raises:
            ClaimLost: Somebody else has taken up the run.
        """
        if "triggers" in part:
            self._started[part["id"]] = time.monotonic()
            await self._append(events.STEP_STARTED, {"step": part["name"]})
        elif not part["interrupts"]:
            took = time.monotonic() - self._started.pop(part["id"], time.monotonic())
            type_ = events.STEP_FAILED if part["error"] else events.STEP_FINISHED
            await self._append(type_, {"step": part["name"], "took_s": round(took, 3)})

    async def _append(self, type_: str, data: dict[str, Any]) -> None:
        claim = self._claim
        async with self._database.transaction() as tx:
            await events.append_claimed(tx, claim.run.id, claim.token, type_, data)
            if type_ == events.STEP_FINISHED and claim.run.takeovers:
                await claims.note_progress(tx, claim)
        await self._live.wake(claim.run.session_id)
