"""How much of everything there is, counted in the database when somebody asks.

What the ledgers know is not counted a second time by processes, which begin anew when they are
started and know nothing of one another: it would be a truth beside the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

from shared.database import Connection
from shared.lease import HELD
from shared.ledger.runs import OPEN
from shared.queue import RUNS, TIMETABLE


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that is counted."""

    name: str
    """Of the metric."""
    meaning: str
    query: str
    """Returns the labels' values and, as its last column, the number."""
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()
    """The values of each label that there may be, so that what does not occur is 0; left out, it is missing."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are."""

    labels: tuple[str, ...]
    """Values, in the order of the figure's labels."""
    number: float


FIGURES: Final = (
    Figure(
        "telewright_queue_jobs",
        "Jobs in the queue: due now, scheduled for later, being done, and given up",
        # As long as the queue is; those that succeeded are removed.
        """
        SELECT queue_name,
               CASE WHEN status = 'todo' AND scheduled_at > now() THEN 'scheduled'
                    WHEN status = 'todo' THEN 'due' WHEN status = 'doing' THEN 'doing' ELSE 'failed' END AS state,
               count(*)
          FROM procrastinate_jobs
         WHERE status IN ('todo', 'doing', 'failed', 'aborted')
         GROUP BY 1, 2
        """,
        ("queue", "state"),
        ((RUNS, TIMETABLE), ("due", "scheduled", "doing", "failed")),
    ),
    Figure(
        "telewright_runs",
        "Runs that have not ended; paused ones wait for a moment, waiting ones for a person",
        # Index runs_open.
        """
        SELECT CASE WHEN resume_at IS NULL THEN status ELSE 'paused' END AS state, count(*)
          FROM runs WHERE ended_at IS NULL GROUP BY 1
        """,
        ("state",),
        ((*sorted(OPEN), "paused"),),
    ),
    Figure(
        "telewright_approvals_waiting",
        "Questions that wait for somebody's answer",
        # Index approvals_pending.
        "SELECT count(*) FROM approvals WHERE status = 'pending' AND expires_at > now()",
    ),
    Figure(
        "telewright_inbox_waiting",
        "Messages that were taken in and not handled yet",
        # Index inbox_unhandled.
        "SELECT count(*) FROM inbox WHERE handled_at IS NULL",
    ),
    Figure(
        "telewright_outbox_messages",
        "Messages of the bot: to be sent, to be edited, held back by a closed chat, and given up",
        """
        SELECT CASE WHEN status = 'dropped' THEN 'dropped' WHEN due_at = 'infinity' THEN 'held'
                    WHEN status = 'sent' THEN 'edit' ELSE 'pending' END AS state,
               count(*)
          FROM outbox
         WHERE status <> 'sent' OR sent_revision < revision
         GROUP BY 1
        """,
        ("state",),
        (("pending", "edit", "held", "dropped"),),
    ),
    Figure(
        "telewright_documents",
        "Files of projects, by how far they are indexed for search; dead ones wait for /index retry",
        "SELECT state, count(*) FROM documents GROUP BY 1",
        ("state",),
        (("queued", "indexed", "skipped", "dead"),),
    ),
    Figure(
        "telewright_lock_age_seconds",
        "For how long a lock has been held, by its name and its holder; as /locks shows it",
        # By the database's clock alone; the table has a row for each name there is.
        f"SELECT name, holder, EXTRACT(epoch FROM clock_timestamp() - taken_at) FROM leases WHERE {HELD} ORDER BY name",
        ("name", "holder"),
    ),
)


async def count(connection: Connection, figure: Figure) -> list[Count]:
    """Count one figure.

    Raises:
        psycopg.Error: It cannot be counted now.
    """
    cursor = await connection.execute(figure.query)
    found = {tuple(map(str, labels)): float(number) for *labels, number in await cursor.fetchall()}
    absent = dict.fromkeys(product(*figure.known), 0.0) if figure.known else {}
    return [Count(labels, number) for labels, number in {**absent, **found}.items()]
