"""Where people look at what a run has worked on, whatever came of it."""

from __future__ import annotations

import structlog

from graph.conversation import texts
from graph.conversation.replies import Link
from graph.dashboard import dashboard_address
from infrastructure.forge import Repository
from shared.database import Connection
from shared.ledger import projects
from shared.ledger.runs import Run

log = structlog.get_logger(__name__)


async def addresses_of(tx: Connection, run: Run, *, dashboard: str | None) -> list[Link]:
    """Return the addresses of a run's project: its repository, if people can look at it, and the dashboard.

    None of a run without a project, and none where another version has written what cannot be read here: that
    a run has ended is told without them.

    Args:
        tx: A connection.
        run: The run.
        dashboard: The address of a dashboard that shows projects and runs, if there is one.
    """
    if run.project_id is None:
        return []
    try:
        project = await projects.get(tx, run.project_id)
        repository = Repository(**project.repository) if project.repository else None
    except (TypeError, ValueError):
        log.exception("project.unreadable", project_id=run.project_id)
        return []
    found = {
        # That of a project that was removed is put away.
        "repository": repository.web_address if repository and not project.removed_at else None,
        "dashboard": dashboard and dashboard_address(dashboard, project=project.name, run=run.number),
    }
    return [
        Link(url=url, label=label)
        for key, label in texts.progress.ADDRESSES.items()
        if (url := found.get(key))
    ]
