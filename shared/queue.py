"""The queue of work: Procrastinate, with a run's thread as the lock of its job."""

from __future__ import annotations

from procrastinate import App, PsycopgConnector

from shared.database import Connection
from shared.ledger.runs import Run

RUNS = "runs"
"""The queue that workers listen to."""

EXECUTE_RUN = "runs.execute"
"""The task that takes a run forward: claims it, drives its graph, lets it go."""

_deferrer = App(connector=PsycopgConnector())
"""Never opened: it writes jobs on the caller's connection only."""


async def defer(tx: Connection, run: Run) -> None:
    """Queue the job that takes a run forward, in the transaction that makes it necessary.

    One job too many does no harm: it finds nothing to claim and ends.
    """
    deferrer = _deferrer.configure_task(
        EXECUTE_RUN, queue=RUNS, lock=f"thread:{run.thread_id}", connection=tx
    )
    await deferrer.defer_async(run_id=str(run.id), trace_id=run.trace_id)
