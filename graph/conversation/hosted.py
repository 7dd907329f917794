"""What the sync with GitHub knows: of a project's repository, and of itself."""

from __future__ import annotations

from collections.abc import Sequence

from graph.conversation import texts
from graph.conversation.replies import Text
from graph.conversation.texts.words import capitalised, listed, since
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
        return {texts.repositories.REPOSITORY: texts.repositories.gone(_name(known), since(known.gone_at))}
    name = texts.repositories.archived(_name(known)) if known.archived else _name(known)
    told = {texts.repositories.REPOSITORY: name, texts.repositories.HEAD: _head(known)}
    if known.head is not None and (checks := await check_runs.of_commit(tx, known.id, known.head)):
        told[texts.repositories.CHECKS] = _checks(checks)
    if pulls := await pull_requests.of_repository(tx, known.id, open_only=True):
        some = [texts.repositories.pull_request(pull.number, pull.title) for pull in pulls[:_PULLS_SHOWN]]
        more = [texts.repositories.more(len(pulls) - len(some))] if len(pulls) > len(some) else []
        told[texts.repositories.PULL_REQUESTS] = listed([*some, *more])
    if known.error is not None:
        told[texts.repositories.GITHUB] = known.error
    return told


async def sync_line(tx: Connection) -> list[Text]:
    """Return how the last sync went, in a line; none where there is none to be done."""
    entry = next((one for one in await timetable.entries(tx) if one.name == GITHUB_SYNC), None)
    listing, _ = await github_listing.read(tx)
    if entry is None or listing.listed_at is None:
        return []
    known = texts.repositories.looked_at(since(listing.listed_at))
    if entry.error:
        return [Text(text=texts.repositories.not_looked_at(capitalised(entry.error), known))]
    return [Text(text=known)]


def _name(known: Known) -> str:
    return f"{known.owner}/{known.name}"


def _head(known: Known) -> str:
    # None only until it was looked at, and before that nothing is told.
    branch = known.default_branch or ""
    if known.head is None:
        return texts.repositories.no_commit(branch)
    commit = known.head[:10]
    if known.pushed_at is None:
        return texts.repositories.head(branch, commit)
    return texts.repositories.head_pushed(branch, commit, since(known.pushed_at))


def _checks(checks: Sequence[CheckSeen]) -> str:
    red, pending, green = (
        [one.name for one in checks if one.state == state] for state in ("red", "pending", "green")
    )
    told = [texts.repositories.red(listed(red))] if red else []
    told += [texts.repositories.pending(listed(pending))] if pending else []
    told += [texts.repositories.green(len(green))] if green else []
    return ", ".join(told)
