"""Tells of a graph's nodes, as events of its run."""

from __future__ import annotations

import time
from typing import Any

from graph.journal import Journal
from shared.errors import Cancelled, NotNow
from shared.ledger import events


class StepReporter:
    """Turns LangGraph's `tasks` stream into `step.started` and `step.finished`."""

    def __init__(self, journal: Journal) -> None:
        """Report to a run's journal."""
        self._journal = journal
        self._started: dict[str, float] = {}

    def report(self, part: dict[str, Any]) -> None:
        """Tell of one part of the stream: a task that starts, or one that is done."""
        if "triggers" in part:
            self._started[part["id"]] = time.monotonic()
            self._journal.tell(events.STEP_STARTED, {"step": part["name"]})
        elif not part["interrupts"]:
            if isinstance(part["error"], NotNow):
                # It is begun anew when the run goes on; why it paused is told of the run.
                return
            took = time.monotonic() - self._started.pop(part["id"], time.monotonic())
            error = part["error"]
            failed = error is not None and not isinstance(error, Cancelled)
            type_ = events.STEP_FAILED if failed else events.STEP_FINISHED
            self._journal.tell(type_, {"step": part["name"], "took_s": round(took, 3)})
