"""What periodic work is done, and who holds which lock: for the owner to see why something stands still."""

from __future__ import annotations

from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.replies import Block, Reply, Table, Text
from graph.conversation.words import clock, since
from shared import lease
from shared.ledger import timetable
from shared.ledger.timetable import Entry


async def locks(exchange: Exchange, _: Call) -> Reply:
    """Answer `/locks`."""
    held = await lease.held_now(exchange.tx)
    blocks: list[Block] = [Text(text="Nothing is held." if not held else "Held now:")]
    if held:
        rows = [[one.name, one.holder, since(one.taken_at)] for one in held]
        blocks.append(Table(columns=["lock", "holder", "for"], rows=rows))
    if entries := await timetable.entries(exchange.tx):
        blocks.append(Text(text="Periodic jobs, as they went last:"))
        rows = [[one.name, f"{since(one.began_at)} ago", _outcome(one), _took(one)] for one in entries]
        blocks.append(Table(columns=["job", "begun", "outcome", "took"], rows=rows))
    return Reply(blocks=blocks)


def _outcome(entry: Entry) -> str:
    if entry.outcome is None:
        return "runs"
    if entry.error is None:
        return entry.outcome
    times = f", {entry.failures} times in a row" if entry.failures > 1 else ""
    again = f"; again after {clock(entry.not_before)}" if entry.not_before else ""
    return f"{entry.outcome}{times}: {entry.error}{again}"


def _took(entry: Entry) -> str:
    return "" if entry.took_s is None else f"{entry.took_s:.1f} s"
