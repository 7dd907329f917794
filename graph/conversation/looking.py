"""The commands that only look: each is a few reads, and answers at once whatever is being worked on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from graph.conversation import health, questions, texts
from graph.conversation.calls import Call
from graph.conversation.choosing import Chosen, choose
from graph.conversation.exchange import Exchange
from graph.conversation.following import LAST_LINES, AlreadyFollowed, NothingToFollow, begun, ended
from graph.conversation.hosted import repository_facts, sync_line
from graph.conversation.questions import Waiting
from graph.conversation.replies import (
    Block,
    Code,
    CommandChoice,
    Facts,
    File,
    Kind,
    Link,
    Reply,
    Table,
    Text,
    facts,
)
from graph.conversation.reports import report
from graph.conversation.texts.words import clock, paragraph, since
from graph.dashboard import dashboard_address
from infrastructure.deploy.deployer import ServiceState
from shared.errors import BadInput
from shared.ledger import deployments, followings, projects, releases, runs
from shared.ledger import health as ledger
from shared.ledger.followings import Following
from shared.ledger.projects import Project
from shared.ledger.runs import Run

LINES_SHOWN = 50
_MOST_LINES = 1000
_MOST_SHOWN = 3000
"""Characters of a log that are read in a chat; more of it is a file."""


class LogVerb(StrEnum):
    """What is to be done with a log."""

    SHOW = "show"
    FOLLOW = "follow"
    STOP = "stop"


class NotANumber(BadInput):
    """A number is asked for."""

    code = "not_a_number"


async def projects_there_are(exchange: Exchange, _: Call) -> Reply:
    """Answer `/projects`."""
    known = await projects.all_of_them(exchange.tx)
    if not known:
        return Reply.saying(texts.projects.NONE_YET_MAKE_ONE)
    rows = [await _row(exchange, project) for project in known]
    return Reply.saying(texts.projects.number_of(len(known)), _table(rows))


async def status(exchange: Exchange, call: Call) -> Reply:
    """Answer `/status [project]`."""
    if call.words:
        return await _status_of(exchange, await choose(exchange.tx, exchange.session.id, call.words))
    if exchange.about is not None:
        return await _status_of_run(exchange, exchange.about)
    under_way = await runs.of_session(exchange.tx, exchange.session.id, open_only=True)
    blocks = await _reports(exchange, under_way)
    if not blocks:
        blocks = [Text(text=texts.runs.NOTHING_UNDER_WAY)]
    blocks.extend(health.unwell(await ledger.of_servers(exchange.tx)))
    blocks.extend(await sync_line(exchange.tx))
    if known := await projects.all_of_them(exchange.tx):
        rows = [await _row(exchange, project) for project in known]
        blocks.append(
            _table(rows),
        )
    return Reply(blocks=blocks)


async def run_list(exchange: Exchange, _: Call) -> Reply:
    """Answer `/runs`."""
    newest = await runs.of_session(exchange.tx, exchange.session.id, limit=15)
    if not newest:
        return Reply.saying(texts.runs.NOTHING_STARTED)
    rows = [[str(run.number), run.title, run.status, texts.runs.ago(since(run.created_at))] for run in newest]
    table = Table(columns=[*texts.runs.COLUMNS], rows=rows)
    under_way = [run for run in newest if not run.status.ended]
    blocks: list[Block] = [Text(text=texts.runs.NEWEST), table]
    return Reply(blocks=blocks + await _reports(exchange, under_way))


async def approvals_there_are(exchange: Exchange, _: Call) -> Reply:
    """Answer `/approvals`: everything that waits for a person, with the buttons this one may press."""
    open_questions = await questions.waiting(exchange.tx)
    if not open_questions:
        return Reply.saying(texts.questions.NOTHING_WAITS)
    mine = [one for one in open_questions if one.may_be_decided_by(exchange.user)]
    choices = [
        choice
        for one in mine
        for choice in questions.choices(
            one.question, one.id, about=texts.questions.about_run(one.run_number) if len(mine) > 1 else ""
        )
    ]
    return Reply(
        blocks=[block for one in open_questions for block in _asked(one)],
        choices=list(choices),
    )


async def releases_there_are(exchange: Exchange, call: Call) -> Reply:
    """Answer `/releases [project]`."""
    chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
    project = chosen.project
    newest = await releases.of_project(exchange.tx, project.id)
    if not newest:
        return Reply.saying(paragraph(chosen.remark, texts.projects.no_release(project.name)))
    running = await deployments.running_release(exchange.tx, project.id)
    rows = [
        [
            str(release.number),
            release.commit_sha[:10],
            clock(release.created_at),
            release.tests,
            texts.projects.LIVE
            if running and running.id == release.id and project.service == "running"
            else "",
        ]
        for release in newest
    ]
    return Reply(
        blocks=[
            Text(text=paragraph(chosen.remark, texts.projects.releases_of(project.name))),
            Table(columns=[*texts.projects.RELEASE_COLUMNS], rows=rows),
        ]
    )


async def logs(exchange: Exchange, call: Call) -> Reply:
    """Answer `/logs [project] [lines]`, and the same with `follow` or `stop` behind it.

    The lines were read before the transaction began.
    """
    words, verb = log_asked(call)
    if verb is LogVerb.STOP:
        return await _stop_following(exchange)
    chosen = await choose(exchange.tx, exchange.session.id, words, exchange.about)
    lines_asked(chosen.rest)
    seen = exchange.observation
    if seen is None or seen.logs is None:
        if seen is not None and seen.error is not None:
            raise seen.error
        return Reply.saying(paragraph(chosen.remark, texts.logs.not_read(chosen.project.name)))
    if verb is LogVerb.FOLLOW:
        return await _follow(exchange, chosen.project)
    return _log(chosen, seen.logs.rstrip("\n"))


async def who_am_i(exchange: Exchange, _: Call) -> Reply:
    """Answer `/whoami`."""
    user = exchange.user
    known = {
        texts.people.NAME: user.name,
        texts.people.ID: user.id,
        texts.people.ROLE: str(user.role),
        texts.people.FRONT: exchange.message.front,
    }
    return Reply.saying(texts.people.YOU_MAY[user.role], facts(known.items()))


def log_asked(call: Call) -> tuple[list[str], LogVerb]:
    """Return the words of `/logs` before its last, if that says what to do, and what to do."""
    match call.words:
        case [*words, "follow" | "-f" | "--follow"]:
            return words, LogVerb.FOLLOW
        case [*words, "stop"]:
            return words, LogVerb.STOP
        case words:
            return words, LogVerb.SHOW


def lines_asked(words: Sequence[str]) -> int:
    """Return how many lines of a log are wanted.

    Raises:
        NotANumber: The word is none.
    """
    if not words:
        return LINES_SHOWN
    return max(1, min(number(words[0]), _MOST_LINES))


def number(word: str) -> int:
    """Return the number that a word is, as people number runs and releases.

    Raises:
        NotANumber: It is none.
    """
    digits = word.removeprefix("#")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
        raise NotANumber(texts.runs.not_a_number(word[:40]))
    return int(digits)


async def _status_of(exchange: Exchange, chosen: Chosen) -> Reply:
    project = chosen.project
    blocks: list[Block] = [
        Text(text=paragraph(chosen.remark, texts.projects.of_blueprint(project.name, project.blueprint))),
        *await _service(exchange, project),
    ]
    under_way = await runs.of_project(exchange.tx, project.id, open_only=True)
    if under_way:
        return Reply(blocks=blocks + await _reports(exchange, under_way))
    for run in await runs.of_project(exchange.tx, project.id, limit=1):
        blocks.extend((await report(exchange.tx, run)).blocks)
    return Reply(blocks=blocks)


async def _status_of_run(exchange: Exchange, run: Run) -> Reply:
    """Say where the run stands that was spoken to, and how its project's service is."""
    blocks = (await report(exchange.tx, run)).blocks
    if run.project_id is not None:
        project = await projects.get(exchange.tx, run.project_id)
        if project.removed_at is None:
            blocks.extend(await _service(exchange, project))
    return Reply(blocks=blocks, run_number=run.number)


async def _service(exchange: Exchange, project: Project) -> list[Block]:
    under_way = await runs.of_project(exchange.tx, project.id, open_only=True)
    pairs = {texts.projects.WANTED: _wanted(project, under_way=bool(under_way))}
    deployed = await deployments.last_succeeded(exchange.tx, project.id)
    url = deployed.url if deployed and project.service == "running" else None
    if deployed:
        release = await releases.get(exchange.tx, deployed.release_id)
        pairs[texts.projects.RELEASE] = texts.projects.release(release.number, release.commit_sha[:10])
        if deployed.ended_at:
            pairs[texts.projects.DEPLOYED] = texts.projects.deployed(
                since(deployed.ended_at), deployed.server
            )
    pairs |= await repository_facts(exchange.tx, project.id)
    if project.service == "running":
        for known in await ledger.of_project(exchange.tx, project.id):
            pairs[health.label(known)] = health.known_of(known)
    seen = exchange.observation
    if seen and seen.status:
        url = seen.status.url or url
        pairs[texts.projects.SEEN] = _seen(seen.status.state)
        if seen.status.since:
            pairs[texts.projects.FOR] = since(seen.status.since)
    elif seen and seen.error:
        pairs[texts.projects.SEEN] = texts.projects.nothing_seen(seen.error.message, seen.error.advice)
    block: Facts = facts(pairs.items())
    return [block, *([Link(url=url)] if url else []), *_dashboard(exchange, project)]


def _dashboard(exchange: Exchange, project: Project) -> list[Link]:
    address = exchange.services.dashboard
    if address is None:
        return []
    return [Link(url=dashboard_address(address, project=project.name), label=texts.progress.DASHBOARD)]


def _wanted(project: Project, *, under_way: bool) -> str:
    """Say what is wanted of a project's service; of one whose build came to nothing, that there is none."""
    if project.service != "none":
        return project.service
    if project.repository is not None:
        return texts.projects.NOT_DEPLOYED
    return texts.projects.BEING_BUILT if under_way else texts.projects.NOT_BUILT


async def _service_in_a_word(exchange: Exchange, project: Project, *, under_way: bool) -> str:
    """Say what is wanted of a service, or that what is wanted is not so."""
    wanted = _wanted(project, under_way=under_way)
    if project.service != "running":
        return wanted
    known = await ledger.of_project(exchange.tx, project.id)
    return texts.projects.DOWN if any(one.state is ledger.State.DOWN for one in known) else wanted


def _seen(state: ServiceState) -> str:
    match state:
        case ServiceState.ABSENT:
            return texts.projects.NOT_ON_SERVER
        case ServiceState.FAILED:
            return texts.projects.SERVICE_FAILED
        case ServiceState.RUNNING | ServiceState.STOPPED:
            return str(state)


def _table(rows: list[list[str]]) -> Table:
    return Table(columns=[*texts.projects.COLUMNS], rows=rows, of_projects=True)


async def _row(exchange: Exchange, project: Project) -> list[str]:
    release = await deployments.running_release(exchange.tx, project.id)
    under_way = await runs.of_project(exchange.tx, project.id, open_only=True)
    return [
        project.name,
        project.blueprint,
        await _service_in_a_word(exchange, project, under_way=bool(under_way)),
        str(release.number) if release else "",
        ", ".join(texts.projects.run_in_table(run.number, run.status) for run in under_way),
    ]


async def _reports(exchange: Exchange, some: Sequence[Run]) -> list[Block]:
    return [block for run in some for block in (await report(exchange.tx, run)).blocks]


def _asked(one: Waiting) -> list[Block]:
    asked = Text(
        text=texts.questions.waiting(
            one.run_number,
            one.run_title,
            one.question.title,
            whose=one.whose,
            how_long=since(one.created_at),
            until=clock(one.expires_at),
        )
    )
    if one.question.facts:
        return [asked, facts(one.question.facts)]
    return [asked, Text(text=one.question.text)] if one.question.text else [asked]


async def _follow(exchange: Exchange, project: Project) -> Reply:
    name, number = project.name, exchange.inbox_id
    if project.service != "running":
        raise NothingToFollow(texts.logs.does_not_run(name), advice=texts.logs.see_last_lines(name))
    if not await followings.begin(exchange.tx, Following(exchange.session.id, number, name)):
        there = await followings.of_session(exchange.tx, exchange.session.id)
        followed = there.project if there else name
        raise AlreadyFollowed(texts.logs.followed_already(followed), advice=texts.logs.to_end(followed))
    stop = CommandChoice(label=texts.logs.STOP_BUTTON, command=f"/logs {name} stop")
    return begun(name, number, exchange.services.patience).model_copy(update={"choices": [stop]})


async def _stop_following(exchange: Exchange) -> Reply:
    there = await followings.of_session(exchange.tx, exchange.session.id)
    if there is None or not await followings.end(exchange.tx, exchange.session.id, there.number):
        return Reply.saying(texts.logs.NONE_FOLLOWED)
    seen = exchange.observation
    lines = seen.logs.splitlines() if seen and seen.logs else []
    why = texts.logs.stopped_by(exchange.user.name)
    told = ended(there.project, there.number, why, lines[-LAST_LINES:])
    return told.model_copy(update={"kind": Kind.ANSWER})


def _log(chosen: Chosen, text: str) -> Reply:
    name = chosen.project.name
    if not text:
        return Reply.saying(paragraph(chosen.remark, texts.logs.written_nothing(name)))
    lines = text.splitlines()
    head = paragraph(chosen.remark, texts.logs.last_lines(len(lines), name))
    if len(text) <= _MOST_SHOWN:
        return Reply.saying(head, Code(text=text))
    tail = text[-_MOST_SHOWN:]
    return Reply(
        blocks=[Text(text=head), Code(text=f"…{tail}"), File(name=f"{name}.log", content=text)],
        choices=[CommandChoice(label=texts.logs.FEWER_BUTTON, command=f"/logs {name} 20")],
    )
