"""Taking away what the run has put into its repository on GitHub and is merged, or not wanted."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from graph.context import RunContext
from graph.orchestrator.fence import fenced
from graph.orchestrator.repository import made_repository
from graph.orchestrator.state import State
from graph.orchestrator.tools import Tools
from infrastructure.forge import Repository
from infrastructure.forge.hosting import Hosting
from infrastructure.forge.proposals import Proposal, clear
from shared.errors import ClaimLost, TelewrightError
from shared.ledger import kept_work

log = structlog.get_logger()


async def clear_proposal(state: State, context: RunContext, tools: Tools) -> None:
    """Close what was not merged, and delete the run's branch and what was saved of its work.

    Where that is not possible now the scheduler does it, as for runs that end in any other way:
    it is no reason to keep a person waiting for the result.
    """
    repository = await made_repository(context)
    if "kept" not in state or repository is None or tools.hosting is None:
        return
    async with context.database.connection() as connection:
        commits = await kept_work.commits_of(connection, context.run.id)
    proposal = Proposal(
        run=str(context.run.id),
        number=context.run.number,
        made_at=context.run.created_at,
        commits=commits,
        ending="has ended without merging it",
    )
    try:
        cleared = await context.ensure(
            "proposal",
            "proposal",
            {"repository": repository.identity, "branch": proposal.branch},
            partial(_clear, tools, tools.hosting, repository, proposal),
            note=partial(_note, proposal),
        )
    except ClaimLost:
        raise
    except TelewrightError as error:
        log.warning("proposal.postponed", code=error.code, error=error.message)
        return
    async with fenced(context) as tx:
        await kept_work.clear(tx, context.run.id, branch_left=cleared["branch_left"])


async def _clear(
    tools: Tools, hosting: Hosting, repository: Repository, proposal: Proposal
) -> dict[str, Any]:
    gone = await clear(tools.forge, hosting, repository, proposal)
    return {"branch_left": not gone}


def _note(proposal: Proposal, cleared: dict[str, Any]) -> str:
    if not cleared["branch_left"]:
        return ""
    return f"The branch {proposal.branch} is left as it is, since somebody has pushed to it."
