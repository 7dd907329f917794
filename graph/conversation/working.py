"""The commands that start work or stop it: each stores a run with its job, and answers at once."""

from __future__ import annotations

from graph.acceptance import Work, start_work
from graph.conversation import texts
from graph.conversation.calls import Call
from graph.conversation.choosing import choose
from graph.conversation.exchange import Exchange
from graph.conversation.looking import number
from graph.conversation.replies import CommandChoice, Reply, Table
from graph.conversation.reports import ended
from graph.conversation.texts.words import listed, paragraph
from graph.orchestrator.work import Build, Deploy, Remove, Restart, Rollback, Start, Stop
from shared.errors import BadInput, NotFound
from shared.ledger import attachments, audit, claims, releases, runs
from shared.ledger.projects import Project
from shared.ledger.runs import Run, Status
from shared.ledger.users import may_change_things

_LONGEST_TITLE = 80


class TooManyWords(BadInput):
    """There are more words than this command knows what to do with."""

    code = "too_many_words"


class NothingToRollBackTo(NotFound):
    """There is no earlier release to go back to."""

    code = "nothing_to_roll_back_to"


async def new(exchange: Exchange, call: Call) -> Reply:
    """Answer `/new`: without words, say what can be made; else start the build, which asks for what is missing."""
    if not call.words:
        return _blueprints(exchange)
    return await build(exchange, build_of(call))


def build_of(call: Call) -> Build:
    """Return what is written behind `/new`."""
    blueprint, _, rest = call.rest.partition(" ")
    name, _, description = rest.strip().partition(" ")
    return Build(blueprint=blueprint, name=name, description=description.strip())


async def build(exchange: Exchange, work: Build) -> Reply:
    """Start a build; its name may have several words."""
    title = texts.runs.build_title(work.name) if work.name else texts.runs.build_unnamed_title(work.blueprint)
    return await _start(exchange, work, title)


async def deploy(exchange: Exchange, call: Call) -> Reply:
    """Answer `/deploy [project] [release]`."""
    chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
    project, release = chosen.project, await _release(exchange, chosen.project, chosen.rest)
    title = (
        texts.runs.deploy_title(project.name)
        if release is None
        else texts.runs.deploy_release_title(project.name, release)
    )
    return await _start(exchange, Deploy(project_id=project.id, release=release), title, chosen.remark)


async def rollback(exchange: Exchange, call: Call) -> Reply:
    """Answer `/rollback [project] [release]`."""
    chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
    project, release = chosen.project, await _release(exchange, chosen.project, chosen.rest)
    title = texts.runs.roll_back_title(project.name)
    if release is not None:
        title = texts.runs.roll_back_to_title(project.name, release)
    elif len(await releases.of_project(exchange.tx, project.id, limit=2)) < 2:
        raise NothingToRollBackTo(
            texts.projects.no_earlier_release(project.name), advice=texts.projects.see_releases(project.name)
        )
    return await _start(exchange, Rollback(project_id=project.id, release=release), title, chosen.remark)


async def stop(exchange: Exchange, call: Call) -> Reply:
    """Answer `/stop [project]`."""
    project, remark = await _only_project(exchange, call)
    return await _start(exchange, Stop(project_id=project.id), texts.runs.stop_title(project.name), remark)


async def start(exchange: Exchange, call: Call) -> Reply:
    """Answer `/start [project]`."""
    project, remark = await _only_project(exchange, call)
    return await _start(exchange, Start(project_id=project.id), texts.runs.start_title(project.name), remark)


async def restart(exchange: Exchange, call: Call) -> Reply:
    """Answer `/restart [project]`."""
    project, remark = await _only_project(exchange, call)
    return await _start(
        exchange, Restart(project_id=project.id), texts.runs.restart_title(project.name), remark
    )


async def remove(exchange: Exchange, call: Call) -> Reply:
    """Answer `/remove [project]`; the run asks before it removes anything."""
    project, remark = await _only_project(exchange, call)
    return await _start(
        exchange, Remove(project_id=project.id), texts.runs.remove_title(project.name), remark
    )


async def cancel(exchange: Exchange, call: Call) -> Reply:
    """Answer `/cancel [run]`."""
    may_change_things(exchange.user)
    if call.words:
        return await _cancel(exchange, await runs.by_number(exchange.tx, number(call.words[0])))
    if exchange.about is not None:
        return await _cancel(exchange, exchange.about)
    under_way = await runs.of_session(exchange.tx, exchange.session.id, open_only=True)
    match under_way:
        case []:
            return Reply.saying(texts.runs.NOTHING_TO_CANCEL)
        case [run]:
            return await _cancel(exchange, run)
        case _:
            return Reply.saying(texts.runs.WHICH_TO_CANCEL).model_copy(
                update={
                    "choices": [
                        CommandChoice(
                            label=texts.runs.cancel_button(run.number, run.title),
                            command=f"/cancel {run.number}",
                        )
                        for run in under_way
                    ]
                }
            )


async def _cancel(exchange: Exchange, run: Run) -> Reply:
    status = await claims.request_cancel(exchange.tx, run.id, by=exchange.user.id)
    if run.status.ended:
        return Reply.saying(texts.runs.is_over(run.number, run.title, ended(run)))
    await audit.record(
        exchange.tx,
        user_id=exchange.user.id,
        front=exchange.message.front,
        action="run.cancel_requested",
        subject=f"run:{run.id}",
        trace_id=exchange.trace_id,
    )
    exchange.to_wake.add(run.session_id)
    if status is Status.CANCELLED:
        return _about(run, texts.runs.CANCELLED_AT_ONCE)
    return _about(run, texts.runs.told_to_stop(run.number, run.title))


async def _start(exchange: Exchange, work: Work, title: str, remark: str = "") -> Reply:
    title = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"
    run = await start_work(
        exchange.tx,
        work,
        session=exchange.session,
        user=exchange.user,
        title=title,
        trace_id=exchange.trace_id,
        idempotency_key=f"message:{exchange.inbox_id}",
    )
    files = exchange.message.attachments
    if files:
        await attachments.give(exchange.tx, exchange.inbox_id, run.id)
    gets = texts.runs.gets(listed([file.name for file in files])) if files else ""
    queued = texts.runs.queued(run.number, title)
    return _about(run, paragraph(remark, queued, gets, await _before(exchange, run)))


async def _before(exchange: Exchange, run: Run) -> str:
    """Say which run goes first on the same project, if any; one that waits for a person does not."""
    if run.project_id is None:
        return ""
    others = await runs.of_project(exchange.tx, run.project_id, open_only=True)
    first = [one for one in others if one.number < run.number and one.status is not Status.WAITING]
    if not first:
        return ""
    return texts.runs.stands_behind(first[0].number, first[0].title)


async def _only_project(exchange: Exchange, call: Call) -> tuple[Project, str]:
    chosen = await choose(exchange.tx, exchange.session.id, call.words, exchange.about)
    if chosen.rest:
        raise TooManyWords(texts.runs.only_a_project(call.name))
    return chosen.project, chosen.remark


async def _release(exchange: Exchange, project: Project, words: list[str]) -> int | None:
    """Return the release that is named, which there is."""
    if not words:
        return None
    if len(words) > 1:
        raise TooManyWords(texts.runs.ONLY_A_RELEASE)
    release = await releases.by_number(exchange.tx, project.id, number(words[0]))
    return release.number


def _about(run: Run, text: str) -> Reply:
    return Reply.saying(text).model_copy(update={"run_number": run.number})


def _blueprints(exchange: Exchange) -> Reply:
    known = exchange.services.catalogue()
    table = Table(
        columns=[*texts.projects.BLUEPRINT_COLUMNS], rows=[[one.name, one.summary] for one in known]
    )
    head = texts.projects.blueprints(known[0].name) if known else texts.projects.NO_BLUEPRINTS
    return Reply.saying(head, table)
