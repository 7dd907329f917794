"""`/details`: what there is to read before a question is decided, in full."""

from __future__ import annotations

from graph.conversation import questions, texts
from graph.conversation.calls import Call
from graph.conversation.deciding import NothingWaits
from graph.conversation.exchange import Exchange
from graph.conversation.looking import number
from graph.conversation.replies import Block, Code, File, Reply, Text, facts
from graph.conversation.texts.words import clock
from shared.database import Connection
from shared.ids import ApprovalId
from shared.ledger import approvals, runs
from shared.ledger.questions import Detail, Question
from shared.ledger.runs import Run

_MOST_SHOWN = 2500
"""Characters of a detail that are read in a chat; more of it is a file."""
_MOST_LINES = 40


async def details(exchange: Exchange, call: Call) -> Reply:
    """Answer `/details [run]`: of what is asked, or of what the run asked last.

    Raises:
        NothingWaits: Nothing is asked here, or the run has never asked anything.
    """
    run = await _run_meant(exchange, call)
    if run is None:
        asked = await questions.waiting(exchange.tx, session_id=exchange.session.id)
    else:
        asked = await questions.waiting(exchange.tx, run_number=run.number)
    if asked:
        blocks = [
            block for one in asked for block in await _of(exchange.tx, one.id, one.question, one.run_number)
        ]
        return Reply(blocks=blocks, run_number=asked[0].run_number)
    if run is None:
        raise NothingWaits
    last = await _asked_last(exchange.tx, run)
    if last is None:
        raise NothingWaits(texts.questions.has_asked_nothing(run.number, run.title))
    return Reply(blocks=last, run_number=run.number)


async def _run_meant(exchange: Exchange, call: Call) -> Run | None:
    if not call.words:
        return exchange.about
    return await runs.by_number(exchange.tx, number(call.words[0]))


async def _asked_last(tx: Connection, run: Run) -> list[Block] | None:
    """Return the details of a run's last question, which nobody is asked any more."""
    asked = await approvals.of_run(tx, run.id)
    if not asked:
        return None
    approval = asked[-1]
    question = Question.model_validate(approval.question)
    blocks = await _of(tx, approval.id, question, run.number)
    over = texts.questions.it_was(approval.status)
    if approval.decided_at is not None:
        over = texts.questions.it_was_at(approval.status, clock(approval.decided_at))
    return [*blocks, Text(text=over)]


async def _of(tx: Connection, approval_id: ApprovalId, question: Question, run_number: int) -> list[Block]:
    blocks: list[Block] = [Text(text=texts.questions.details_of(run_number, question.title))]
    if question.facts:
        blocks.append(facts(question.facts))
    if question.text:
        blocks.append(Text(text=question.text))
    return [*blocks, *(_shown(one, run_number) for one in await approvals.details_of(tx, approval_id))]


def _shown(detail: Detail, run_number: int) -> Block:
    text = detail.text.strip("\n") or texts.questions.NO_DETAIL
    if len(text) <= _MOST_SHOWN and text.count("\n") < _MOST_LINES:
        return Code(title=detail.name, text=text)
    return File(name=f"run-{run_number}-{detail.name.lower().replace(' ', '-')}.txt", content=text)
