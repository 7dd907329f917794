"""`/ask` and `/index`: where something stands in the projects' code, and how far it is indexed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from graph.conversation.calls import Call
from graph.conversation.choosing import choose
from graph.conversation.exchange import Exchange
from graph.conversation.replies import Block, Code, CommandChoice, Reply, Table, Text
from graph.conversation.words import counted, listed
from graph.search import Place, search_code
from shared.errors import BadInput
from shared.hostile import clean
from shared.ledger import audit, documents, projects
from shared.ledger.documents import Tally
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
        return Reply.saying(f"None of these words is in {_whose(asked)}.{missing} Try another name for it.")
    names = {project.id: project.name for project in asked}
    return Reply.saying(
        f"The best {counted(len(places), 'place')} in {_whose(asked)}:{missing}",
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
    return f"the code of {asked[0].name}" if len(asked) == 1 else "the projects' code"


def _nothing_indexed(asked: Sequence[Project], tallies: Sequence[Tally]) -> str:
    if not asked:
        return "There is no project yet, and so no code to look in."
    waiting = sum(one.queued for one in tallies)
    if waiting:
        return f"Nothing of {_whose(asked)} is indexed yet; {_files(waiting)} on the way. Ask again soon."
    return f"Nothing of {_whose(asked)} is indexed: /index says how far it is."


def _missing(tallies: Sequence[Tally], *, words_alone: bool) -> str:
    """Say what could not be looked in, or not by what it means."""
    waiting, dead = sum(one.queued for one in tallies), sum(one.dead for one in tallies)
    remarks = [f"{_files(waiting)} not indexed yet"] if waiting else []
    remarks += [f"{_files(dead)} left out, see /index"] if dead else []
    remarks += ["by its words alone, since the embeddings model did not answer"] if words_alone else []
    return f" ({listed(remarks)})" if remarks else ""


def _by_words_alone(exchange: Exchange) -> bool:
    return exchange.observation is not None and exchange.observation.error is not None


def _files(number: int) -> str:
    return f"{counted(number, 'file')} {'is' if number == 1 else 'are'}"


def _shown(place: Place, project: str, question: str) -> Block:
    lines = clean(place.content).split("\n")
    first = _best_window(lines, question)
    shown = [_short(line) for line in lines[first : first + _LINES_SHOWN]]
    start = place.first_line + first
    where = f"{project}: {clean(place.path)}, lines {start}-{start + len(shown) - 1}"
    symbol = f" ({clean(place.symbol)})" if place.symbol else ""
    return Code(title=f"{where}{symbol}".replace("\n", " "), text="\n".join(shown))


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
        return Reply.saying("There is no project yet, and so nothing to index.")
    tallies = {one.project_id: one for one in await documents.tallies(exchange.tx)}
    rows = [_row(project, tallies.get(project.id)) for project in known]
    columns = ["project", "commit", "indexed", "waiting", "skipped", "dead"]
    return Reply.saying("What of the projects' code is indexed:", Table(columns=columns, rows=rows))


def _row(project: Project, tally: Tally | None) -> list[str]:
    if tally is None:
        return [project.name, "none yet", "", "", "", ""]
    numbers = (tally.indexed, tally.queued, tally.skipped, tally.dead)
    return [project.name, tally.commit_sha[:10], *map(str, numbers)]


async def _index_of(exchange: Exchange, project: Project) -> Reply:
    tallies = {one.project_id: one for one in await documents.tallies(exchange.tx)}
    tally = tallies.get(project.id)
    if tally is None:
        return Reply.saying(f"Nobody has looked at the code of {project.name} yet.")
    blocks: list[Block] = [
        Text(
            text=f"{_files(tally.indexed)} of {project.name} indexed, as of commit {tally.commit_sha[:10]}; "
            f"{_files(tally.queued)} waiting."
        )
    ]
    if skipped := await documents.skipped_for(exchange.tx, project.id):
        blocks.append(
            Table(
                columns=["skipped since", "files"], rows=[[reason, str(count)] for reason, count in skipped]
            )
        )
    troubles = await documents.troubles(exchange.tx, project.id, limit=_TROUBLES_SHOWN)
    if not troubles:
        return Reply(blocks=blocks)
    rows = [
        [clean(one.path), "given up" if one.state == "dead" else "tried again", str(one.attempts), one.error]
        for one in troubles
    ]
    blocks.append(Table(columns=["went wrong", "state", "attempts", "why"], rows=rows))
    choices = [CommandChoice(label="Try again now", command=f"/index {project.name} retry")]
    return Reply(blocks=blocks, choices=list(choices))


async def _retry(exchange: Exchange, project: Project) -> Reply:
    retried = await documents.retry(exchange.tx, project.id)
    if not retried:
        return Reply.saying(f"Nothing of {project.name} has gone wrong.")
    await audit.record(
        exchange.tx,
        user_id=exchange.user.id,
        front=exchange.message.front,
        action="index.retried",
        subject=f"project:{project.id}",
        details={"files": retried},
        trace_id=exchange.trace_id,
    )
    return Reply.saying(f"{_files(retried)} tried again: /index {project.name} says how it goes.")
