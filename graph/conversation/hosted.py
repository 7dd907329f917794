"""What the sync with GitHub knows: of a project's repository, and of itself."""

from __future__ import annotations

from collections.abc import Sequence

from graph.conversation.replies import Text
from graph.conversation.texts.words import capitalised, counted, listed, since
from shared.database import Connection
from shared.ids import ProjectId
from shared.ledger import check_runs, github_listing, pull_requests, repositories, timetable
from shared.ledger.check_runs import CheckSeen
from shared.ledger.repositories import Known
from shared.queue import GITHUB_SYNC

_PULLS_SHOWN = 5


async def repository_facts(tx: Connection, project_id: ProjectId) -> dict[str, str]:
    """Return what is known of a project's repository, by its labels; nothing where it is not on GitHub."""
    known = await repositories.of_project(tx, project_id)
    if known is None or known.looked_at is None:
        return {}
    if known.gone_at is not None:
        return {"repository": f"{_name(known)} is not on GitHub any more, since {since(known.gone_at)}"}
    told = {"repository": _name(known) + (", archived" if known.archived else ""), "head": _head(known)}
    if known.head is not None and (checks := await check_runs.of_commit(tx, known.id, known.head)):
        told["checks"] = _checks(checks)
    if pulls := await pull_requests.of_repository(tx, known.id, open_only=True):
        some = [f"{pull.number} ({pull.title})" for pull in pulls[:_PULLS_SHOWN]]
        more = [f"{len(pulls) - len(some)} more"] if len(pulls) > len(some) else []
        told["pull requests"] = listed([*some, *more])
    if known.error is not None:
        told["GitHub"] = known.error
    return told


async def sync_line(tx: Connection) -> list[Text]:
    """Return how the last sync went, in a line; none where there is none to be done."""
    entry = next((one for one in await timetable.entries(tx) if one.name == GITHUB_SYNC), None)
    listing, _ = await github_listing.read(tx)
    if entry is None or listing.listed_at is None:
        return []
    known = f"GitHub was looked at {since(listing.listed_at)} ago."
    if entry.error:
        return [Text(text=f"{capitalised(entry.error)}. {known}")]
    return [Text(text=known)]


def _name(known: Known) -> str:
    return f"{known.owner}/{known.name}"


def _head(known: Known) -> str:
    if known.head is None:
        return f"{known.default_branch} has no commit"
    pushed = f", pushed to {since(known.pushed_at)} ago" if known.pushed_at else ""
    return f"{known.default_branch} at {known.head[:10]}{pushed}"


def _checks(checks: Sequence[CheckSeen]) -> str:
    by_state = {
        state: [one.name for one in checks if one.state == state] for state in ("red", "pending", "green")
    }
    told = [f"{listed(by_state[state])} {state}" for state in ("red", "pending") if by_state[state]]
    return ", ".join(
        [*told, f"{counted(len(by_state['green']), 'check')} green"] if by_state["green"] else told
    )
