"""What periodic work is done, and who holds which lock: for the owner to see why something stands still."""

from __future__ import annotations

from graph.conversation import texts
from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.replies import Block, Reply, Table, Text
from graph.conversation.texts.words import clock, since
from shared import lease
from shared.ledger import timetable
from shared.ledger.timetable import Entry


async def locks(exchange: Exchange, _: Call) -> Reply:
    """Answer `/locks`."""
    held = await lease.held_now(exchange.tx)
    blocks: list[Block] = [Text(text=texts.locks.HELD if held else texts.locks.NOTHING_HELD)]
    if held:
        rows = [[one.name, one.holder, since(one.taken_at)] for one in held]
        blocks.append(Table(columns=[*texts.locks.HELD_COLUMNS], rows=rows))
    if entries := await timetable.entries(exchange.tx):
        blocks.append(Text(text=texts.locks.JOBS))
        rows = [
            [one.name, texts.locks.ago(since(one.began_at)), _outcome(one), _took(one)] for one in entries
        ]
        blocks.append(Table(columns=[*texts.locks.JOB_COLUMNS], rows=rows))
    return Reply(blocks=blocks)


def _outcome(entry: Entry) -> str:
    if entry.outcome is None:
        return texts.locks.RUNS
    if entry.error is None:
        return entry.outcome
    again_after = clock(entry.not_before) if entry.not_before else None
    return texts.locks.went_wrong(entry.outcome, entry.error, times=entry.failures, again_after=again_after)


def _took(entry: Entry) -> str:
    return "" if entry.took_s is None else texts.locks.seconds(entry.took_s)
