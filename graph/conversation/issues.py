"""`/issues`: what people have opened in a project's repository on GitHub, as it was read for the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graph.conversation import texts
from graph.conversation.calls import Call
from graph.conversation.choosing import Chosen, choose
from graph.conversation.exchange import Exchange
from graph.conversation.replies import Block, Link, Reply, Table, Text
from graph.conversation.texts.words import paragraph, since
from infrastructure.forge import Repository
from infrastructure.forge.hosting import Issue, OpenIssues
from shared.hostile import clean
from shared.ledger.projects import Project

_LONGEST_TITLE: Final = 120
"""Characters; GitHub takes 256."""
_LONGEST_NAME: Final = 40
"""Characters of a label or a login; GitHub takes 50 and 39."""
_LABELS_SHOWN: Final = 5


async def issues(exchange: Exchange, call: Call) -> Reply:
    """Answer `/issues [project]`; the issues were read before the transaction began."""
    chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
    name = chosen.project.name
    if chosen.project.repository is None:
        return Reply.saying(paragraph(chosen.remark, texts.issues.no_repository(name)))
    if hosted(chosen.project) is None:
        return Reply.saying(paragraph(chosen.remark, texts.issues.kept_here(name)))
    if exchange.services.issues is None:
        return Reply.saying(paragraph(chosen.remark, texts.issues.not_connected(name)))
    seen = exchange.observation
    if seen is not None and seen.error is not None:
        raise seen.error
    if seen is None or seen.issues is None:
        return Reply.saying(paragraph(chosen.remark, texts.issues.not_read(name)))
    return _listed(chosen, seen.issues)


def hosted(project: Project) -> Repository | None:
    """Return a project's repository, if it is where there are issues."""
    repository = Repository(**project.repository) if project.repository is not None else None
    return None if repository is None or repository.is_local else repository


def _listed(chosen: Chosen, found: OpenIssues) -> Reply:
    blocks: list[Block] = [Text(text=paragraph(chosen.remark, _head(chosen.project.name, found)))]
    if found.newest:
        blocks.append(_table(found.newest))
    if found.more:
        blocks.append(Link(url=found.url, label=texts.issues.ALL_OF_THEM))
    return Reply(blocks=blocks)


def _head(project: str, found: OpenIssues) -> str:
    match len(found.newest), found.more:
        case 0, 0:
            return texts.issues.none_open(project)
        case 0, more:
            return texts.issues.behind_pull_requests(project, more)
        case number, 0:
            return texts.issues.open_ones(number, project)
        case number, more:
            return texts.issues.newest(number, project, more)


def _table(newest: Sequence[Issue]) -> Table:
    rows = [
        [
            f"#{issue.number}",
            _line(issue.title, _LONGEST_TITLE),
            _labels(issue.labels),
            texts.issues.opened(since(issue.created_at), _line(issue.author, _LONGEST_NAME)),
        ]
        for issue in newest
    ]
    return Table(columns=[*texts.issues.COLUMNS], rows=rows, links=[issue.url for issue in newest])


def _labels(labels: Sequence[str]) -> str:
    named = [_line(label, _LONGEST_NAME) for label in labels[:_LABELS_SHOWN]]
    more = len(labels) - len(named)
    return ", ".join([*named, texts.issues.more_labels(more)] if more else named)


def _line(text: str, longest: int) -> str:
    """Return what others wrote as one line of letters: it is shown among lines of ours."""
    line = " ".join(clean(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
