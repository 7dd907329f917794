"""`/session`: what this conversation is, and beginning it anew."""

from __future__ import annotations

from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.replies import CommandChoice, Reply, Table, facts
from graph.conversation.texts.words import clock, counted, sized
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
        "front": this.front,
        "since": clock(this.created_at),
        "turns": _turns(this.last_turn, this.begun_after),
        "under way": ", ".join(f"run {run.number} ({run.title})" for run in reversed(under_way)) or "nothing",
        "model": services.model or "none: commands and a small set of sentences",
        "files": counted(len(files), "file") if files else "none",
    }
    blocks = [facts(known.items())]
    choices = [CommandChoice(label="Begin anew", command="/session reset")]
    reply = Reply.saying("This conversation:", *blocks)
    if files:
        rows = [[one.name, sized(one.size), clock(one.created_at)] for one in files]
        reply = Reply.saying(
            "This conversation:", *blocks, Table(columns=["file", "size", "sent"], rows=rows)
        )
    return reply.model_copy(update={"choices": choices})


async def _reset(exchange: Exchange) -> Reply:
    """Begin anew: what was asked of people is forgotten, and nothing that is at work is touched."""
    may_change_things(exchange.user)
    exchange.awaited = None
    this = exchange.session
    if this.begun_after and this.last_turn - this.begun_after < _OWN_TURNS:
        return Reply.saying("This conversation has only just been begun anew.")
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
    goes_on = ""
    if open_runs:
        goes_on = (
            f" {counted(len(open_runs), 'run')} {'goes' if len(open_runs) == 1 else 'go'} on: see /status."
        )
    return Reply.saying(
        f"This conversation begins anew. Nothing that was asked before is waited for.{goes_on}"
    )


def _turns(last: int, begun_after: int) -> str:
    if not begun_after:
        return str(last)
    return f"{last - begun_after} since it was begun anew, {last} in all"
