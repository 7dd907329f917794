"""`/ask` and `/index`: where something stands in the projects' code, and how far it is indexed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from graph.conversation import texts
from graph.conversation.calls import Call
from graph.conversation.choosing import choose
from graph.conversation.exchange import Exchange
from graph.conversation.replies import Block, Code, CommandChoice, Reply, Table, Text
from graph.search import Place, search_code
from shared.errors import BadInput
from shared.hostile import clean
from shared.ledger import audit, documents, projects
from shared.ledger.documents import Tally, Trouble
from shared.ledger.projects import Project
from shared.ledger.users import may_change_things

_PLACES: Final = 5
_LINES_SHOWN: Final = 12
_LONGEST_LINE: Final = 160
_TROUBLES_SHOWN: Final = 10

_WORD: Final = re.compile(r"[^\W_]{3,}")
_STEM: Final = 5
"""Letters by which a word of a question is recognised in a line: `executed` in `execute`."""


class NoQuestion(BadInput):
    """There is nothing to look for."""

    code = "no_question"
    advice = "Write a question, or a name, behind the command: /ask where are visitors greeted"


class NotAboutTheIndex(BadInput):
    """That cannot be done to an index."""

    code = "not_about_the_index"
    advice = "Write /index, /index <project>, or /index <project> retry."


async def ask(exchange: Exchange, call: Call) -> Reply:
    """Answer `/ask [project] <question>`: the best places, or honestly nothing."""
    known = await projects.all_of_them(exchange.tx)
    asked, question = _about(known, call)
    if not _WORD.search(question) and not question.strip():
        raise NoQuestion
    tallies = [one for one in await documents.tallies(exchange.tx) if one.project_id in {p.id for p in asked}]
    if not any(one.indexed for one in tallies):
        return Reply.saying(_nothing_indexed(asked, tallies))
    places = await search_code(
        exchange.tx,
        question,
        projects=[project.id for project in asked],
        limit=_PLACES,
        vector=exchange.observation.vector if exchange.observation else None,
        model=exchange.services.embedder.model if exchange.services.embedder else "",
    )
    missing = _missing(tallies, words_alone=_by_words_alone(exchange))
    if not places:
        return Reply.saying(texts.search.no_places(_whose(asked), missing))
    names = {project.id: project.name for project in asked}
    return Reply.saying(
        texts.search.best_places(len(places), _whose(asked), missing),
        *[_shown(place, names[place.project_id], question) for place in places],
    )


async def index(exchange: Exchange, call: Call) -> Reply:
    """Answer `/index [project] [retry]`."""
    match call.words:
        case []:
            return await _overview(exchange)
        case [_]:
            chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
            return await _index_of(exchange, chosen.project)
        case [_, word] if word.lower() == "retry":
            may_change_things(exchange.user)
            chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
            return await _retry(exchange, chosen.project)
        case _:
            raise NotAboutTheIndex


def _about(known: Sequence[Project], call: Call) -> tuple[list[Project], str]:
    """Return the projects that are asked about, all of them if the first word names none, and the question."""
    words = call.rest.split(maxsplit=1)
    named = [project for project in known if len(words) > 1 and project.name == words[0].lower()]
    return (named, words[1]) if named else (list(known), call.rest)


def _whose(asked: Sequence[Project]) -> str:
    return texts.search.code_of(asked[0].name) if len(asked) == 1 else texts.search.ALL_CODE


def _nothing_indexed(asked: Sequence[Project], tallies: Sequence[Tally]) -> str:
    if not asked:
        return texts.search.NO_CODE
    waiting = sum(one.queued for one in tallies)
    if waiting:
        return texts.search.indexed_soon(_whose(asked), waiting)
    return texts.search.nothing_indexed(_whose(asked))


def _missing(tallies: Sequence[Tally], *, words_alone: bool) -> str:
    """Say what could not be looked in, or not by what it means."""
    waiting, dead = sum(one.queued for one in tallies), sum(one.dead for one in tallies)
    return texts.search.not_looked_in(waiting=waiting, dead=dead, words_alone=words_alone)


def _by_words_alone(exchange: Exchange) -> bool:
    return exchange.observation is not None and exchange.observation.error is not None


def _shown(place: Place, project: str, question: str) -> Block:
    lines = place.lines
    first = _best_window(lines, question)
    shown = [_short(line) for line in lines[first : first + _LINES_SHOWN]]
    start = place.first_line + first
    where = texts.search.place(project, clean(place.path), start, start + len(shown) - 1, clean(place.symbol))
    return Code(title=where.replace("\n", " "), text="\n".join(shown))


def _best_window(lines: Sequence[str], question: str) -> int:
    """Return where to begin so that the shown lines have most of the question's words; early ones win."""
    stems = {word[:_STEM].lower() for word in _WORD.findall(question)}
    found = [{stem for stem in stems if stem in line.lower()} for line in lines]
    starts = range(max(1, len(lines) - _LINES_SHOWN + 1))
    return max(starts, key=lambda start: (len(set().union(*found[start : start + _LINES_SHOWN])), -start))


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


async def _overview(exchange: Exchange) -> Reply:
    known = await projects.all_of_them(exchange.tx)
    if not known:
        return Reply.saying(texts.search.NOTHING_TO_INDEX)
    tallies = {one.project_id: one for one in await documents.tallies(exchange.tx)}
    rows = [_row(project, tallies.get(project.id)) for project in known]
    return Reply.saying(texts.search.OVERVIEW, Table(columns=[*texts.search.OVERVIEW_COLUMNS], rows=rows))


def _row(project: Project, tally: Tally | None) -> list[str]:
    if tally is None:
        return [project.name, texts.search.NO_COMMIT_YET, "", "", "", ""]
    numbers = (tally.indexed, tally.queued, tally.skipped, tally.dead)
    return [project.name, tally.commit_sha[:10], *map(str, numbers)]


async def _index_of(exchange: Exchange, project: Project) -> Reply:
    tallies = {one.project_id: one for one in await documents.tallies(exchange.tx)}
    tally = tallies.get(project.id)
    if tally is None:
        return Reply.saying(texts.search.not_looked_at(project.name))
    blocks: list[Block] = [
        Text(
            text=texts.search.how_far(
                project.name, tally.commit_sha[:10], indexed=tally.indexed, waiting=tally.queued
            )
        )
    ]
    if skipped := await documents.skipped_for(exchange.tx, project.id):
        blocks.append(
            Table(
                columns=[*texts.search.SKIPPED_COLUMNS],
                rows=[[reason, str(count)] for reason, count in skipped],
            )
        )
    troubles = await documents.troubles(exchange.tx, project.id, limit=_TROUBLES_SHOWN)
    if not troubles:
        return Reply(blocks=blocks)
    rows = [[clean(one.path), _state(one), str(one.attempts), one.error] for one in troubles]
    blocks.append(Table(columns=[*texts.search.TROUBLE_COLUMNS], rows=rows))
    choices = [CommandChoice(label=texts.search.TRY_AGAIN_BUTTON, command=f"/index {project.name} retry")]
    return Reply(blocks=blocks, choices=list(choices))


def _state(trouble: Trouble) -> str:
    return texts.search.GIVEN_UP if trouble.state == "dead" else texts.search.TRIED_AGAIN


async def _retry(exchange: Exchange, project: Project) -> Reply:
    retried = await documents.retry(exchange.tx, project.id)
    if not retried:
        return Reply.saying(texts.search.nothing_to_retry(project.name))
    await audit.record(
        exchange.tx,
        user_id=exchange.user.id,
        front=exchange.message.front,
        action="index.retried",
        subject=f"project:{project.id}",
        details={"files": retried},
        trace_id=exchange.trace_id,
    )
    return Reply.saying(texts.search.retried(project.name, retried))
