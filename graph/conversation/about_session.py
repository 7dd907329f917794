"""`/session`: what this conversation is, and beginning it anew."""

from __future__ import annotations

from graph.conversation import texts
from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.replies import CommandChoice, Reply, Table, facts
from graph.conversation.texts.words import clock, paragraph, sized
from shared.errors import BadInput
from shared.ledger import attachments, audit, runs, sessions
from shared.ledger.users import may_change_things

_FILES_SHOWN = 10
_OWN_TURNS = 2
"""Turns that a reset leaves behind itself: what was said, and its answer."""


class NothingButReset(BadInput):
    """That cannot be done to a session."""

    code = "nothing_but_reset"
    advice = "Write /session to look at it, or /session reset to begin it anew."


async def session(exchange: Exchange, call: Call) -> Reply:
    """Answer `/session` and `/session reset`."""
    match [word.lower() for word in call.words]:
        case []:
            return await _show(exchange)
        case ["reset"]:
            return await _reset(exchange)
        case _:
            raise NothingButReset


async def _show(exchange: Exchange) -> Reply:
    this, services = exchange.session, exchange.services
    under_way = await runs.of_session(exchange.tx, this.id, open_only=True)
    files = await attachments.of_session(exchange.tx, this.id, limit=_FILES_SHOWN)
    known = {
        texts.sessions.FRONT: this.front,
        texts.sessions.SINCE: clock(this.created_at),
        texts.sessions.TURNS: _turns(this.last_turn, this.begun_after),
        texts.sessions.UNDER_WAY: ", ".join(
            texts.sessions.run(run.number, run.title) for run in reversed(under_way)
        )
        or texts.sessions.NOTHING_UNDER_WAY,
        texts.sessions.MODEL: services.model or texts.sessions.WITHOUT_MODEL,
        texts.sessions.FILES: texts.sessions.files(len(files)) if files else texts.sessions.NO_FILES,
    }
    blocks = [facts(known.items())]
    choices = [CommandChoice(label=texts.sessions.BEGIN_ANEW_BUTTON, command="/session reset")]
    reply = Reply.saying(texts.sessions.THIS, *blocks)
    if files:
        rows = [[one.name, sized(one.size), clock(one.created_at)] for one in files]
        reply = Reply.saying(
            texts.sessions.THIS, *blocks, Table(columns=[*texts.sessions.FILE_COLUMNS], rows=rows)
        )
    return reply.model_copy(update={"choices": choices})


async def _reset(exchange: Exchange) -> Reply:
    """Begin anew: what was asked of people is forgotten, and nothing that is at work is touched."""
    may_change_things(exchange.user)
    exchange.awaited = None
    this = exchange.session
    if this.begun_after and this.last_turn - this.begun_after < _OWN_TURNS:
        return Reply.saying(texts.sessions.BEGUN_ANEW_JUST_NOW)
    # The turn that asks for it is the first that is forgotten with what was before.
    changed = await sessions.specify(exchange.tx, this.id, {sessions.BEGUN_AFTER: this.last_turn + 1})
    await audit.record(
        exchange.tx,
        user_id=exchange.user.id,
        front=exchange.message.front,
        action="session.reset",
        subject=f"session:{this.id}",
        details={"after_turn": changed.begun_after},
        trace_id=exchange.trace_id,
    )
    open_runs = await runs.of_session(exchange.tx, this.id, open_only=True)
    goes_on = texts.sessions.runs_go_on(len(open_runs)) if open_runs else ""
    return Reply.saying(paragraph(texts.sessions.BEGUN_ANEW, goes_on))


def _turns(last: int, begun_after: int) -> str:
    if not begun_after:
        return str(last)
    return texts.sessions.turns_since_reset(last - begun_after, last)
