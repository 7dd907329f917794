"""Answering what a run asks: by button, by command, or in a person's own words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from graph.conversation import questions, texts
from graph.conversation.calls import Call
from graph.conversation.exchange import Exchange
from graph.conversation.looking import NotANumber, number
from graph.conversation.messages import Decision
from graph.conversation.questions import Waiting
from graph.conversation.replies import Awaited, CommandChoice, DecisionChoice, Kind, Reply
from graph.conversation.reports import report
from graph.conversation.texts.words import either
from shared.errors import BadInput, TelewrightError
from shared.ids import ApprovalId
from shared.ledger import approvals, runs
from shared.ledger.approvals import Approval, ApprovalClosed, NotAnAnswer
from shared.ledger.questions import Choice, Question
from shared.ledger.runs import Run

_APPROVE = frozenset({"approve", "yes"})
_REJECT = ("reject", "no", "decline", "leave")
"""The keys that a “no” stands for, the mildest first."""

_YES = re.compile(
    r"(?:approved?|yes|y|yep|yeah|ok|okay|sure|go|go ahead|do it|lgtm)(?:,? (?:please|thanks|thank you))?",
    re.IGNORECASE,
)
_NO = re.compile(
    r"(?:(?:reject|rejected)(?:\s*[,:;—-]|\s+because|\s+since)?(?:\s+(?P<reason>.+))?"
    r"|(?:no|nope)(?:(?:\s*[,:;—-]|\s+because|\s+since)\s+(?P<why>.+))?)",
    re.IGNORECASE | re.DOTALL,
)
"""“no idea” is no answer: behind a bare “no” a reason needs a comma or a because."""

_NO_COMMENT = frozenset({"-", "none", "no comment", "nothing", "skip"})
_NEVER_MIND = frozenset({texts.questions.WAY_OUT, "cancel", "nevermind", "forget it"})


class NothingWaits(BadInput):
    """Nothing waits for an answer."""

    code = "nothing_waits"
    advice = "See /status for what is being done."


async def press(exchange: Exchange, decision: Decision) -> Reply:
    """Answer a button of a question.

    A comment on another question stays asked for: its prompt stands there.
    """
    _forget(exchange, decision.approval_id)
    return await _decide(exchange, decision.approval_id, decision.choice, decision.text)


async def approve(exchange: Exchange, call: Call) -> Reply:
    """Answer `/approve [run]`."""
    asked, rest = await _asked(exchange, call.words)
    if rest:
        raise BadInput(texts.questions.APPROVE_WITHOUT_COMMENT)
    return await _choose(exchange, asked, _approving)


async def reject(exchange: Exchange, call: Call) -> Reply:
    """Answer `/reject [run] [comment]`."""
    asked, rest = await _asked(exchange, call.words)
    return await _choose(exchange, asked, _rejecting, comment=_behind(call, rest))


async def answer(exchange: Exchange, call: Call) -> Reply:
    """Answer `/answer [run] <text>`."""
    asked, rest = await _asked(exchange, call.words)
    text = _behind(call, rest)
    if not text:
        raise NotAnAnswer(texts.questions.WRITE_BEHIND)
    return await _tell(exchange, [one for one in asked if one.question.wants_text] or asked, text)


async def comment(exchange: Exchange, text: str) -> Reply | None:
    """Take a text as the comment that was asked for, if one was: by the prompt it replies to, or the newest."""
    awaited = exchange.prompted or exchange.awaited
    if awaited is None or not text or not await _speaks_to(exchange, awaited):
        return None
    _forget(exchange, awaited.approval_id)
    if text.casefold() in _NEVER_MIND:
        return Reply.saying(texts.questions.NOTHING_DECIDED)
    given = None if text.casefold() in _NO_COMMENT else text
    return await _decide(exchange, awaited.approval_id, awaited.key, given, asked_before=True)


async def in_words(exchange: Exchange, text: str) -> Reply | None:
    """Take a text as one of the answers to what this session's runs ask.

    Where people talk to one another, only a reply to the question, or to another message of its
    run, is an answer: “ok” may be said to anybody.

    Returns:
        Nothing when the text is no answer.
    """
    asked = await _open_questions(exchange)
    meant, comment = _meant(asked, text.strip(" .!"))
    if meant is None:
        return None
    if asked and exchange.may_be_for_others:
        return _these_are_the_answers(asked, texts.questions.WHOSE_ANSWER)
    return await _choose(exchange, asked, meant, comment=comment)


async def free_text(exchange: Exchange, text: str) -> Reply | None:
    """Take a text as the free text that a question waits for.

    Returns:
        Nothing when none does that this person may answer.
    """
    asked = [
        one
        for one in await _open_questions(exchange)
        if one.question.wants_text and one.may_be_decided_by(exchange.user)
    ]
    return await _tell(exchange, asked, text) if asked and text else None


async def overheard(exchange: Exchange) -> Reply | None:
    """Say how a text becomes the answer that a question waits for, when it may have been said to others.

    Returns:
        Nothing when no text is waited for from this person.
    """
    commented = exchange.awaited.approval_id if exchange.awaited is not None else None
    asked = [
        one
        for one in await _open_questions(exchange)
        if one.id == commented or (one.question.wants_text and one.may_be_decided_by(exchange.user))
    ]
    return _these_are_the_answers(asked, texts.questions.WHOSE_ANSWER) if asked else None


async def to_the_run(exchange: Exchange) -> Reply:
    """Answer a reply to a run's message that is no answer to what the run asks, and nothing else either.

    Raises:
        NothingWaits: The run asks nothing.
    """
    asked = await _open_questions(exchange)
    if not asked:
        raise await _nothing_waits(exchange)
    return _these_are_the_answers(asked)


async def over(exchange: Exchange, approval_id: ApprovalId) -> TelewrightError:
    """Return the error that says what became of a question that is not asked any more."""
    try:
        approvals.check_open(await approvals.get(exchange.tx, approval_id))
    except ApprovalClosed as error:
        return error
    return NothingWaits(texts.questions.NOT_ASKED_ANY_MORE)


def _forget(exchange: Exchange, approval_id: ApprovalId) -> None:
    """Wait no more for a comment on a question."""
    if exchange.awaited is not None and exchange.awaited.approval_id == approval_id:
        exchange.awaited = None


async def _speaks_to(exchange: Exchange, awaited: Awaited) -> bool:
    """Whether a text may be the comment that was asked for: what is said to others, or to another run, is not."""
    if exchange.prompted is not None or exchange.about is None:
        return not exchange.may_be_for_others
    if exchange.message.about_approval is not None:
        return exchange.message.about_approval == awaited.approval_id
    return (await approvals.get(exchange.tx, awaited.approval_id)).run_id == exchange.about.id


async def _asked(exchange: Exchange, words: Sequence[str]) -> tuple[list[Waiting], list[str]]:
    """Return the questions that a command is about, and the words behind the run's number."""
    if words:
        try:
            run = number(words[0])
        except NotANumber:
            pass
        else:
            return await questions.waiting_of_run(exchange.tx, run), list(words[1:])
    return await _open_questions(exchange), list(words)


async def _open_questions(exchange: Exchange) -> list[Waiting]:
    """Return the questions that a message without a number may be about.

    The one that it replies to, even if that is over, else those of the run that it speaks to, else the session's.
    """
    if exchange.message.about_approval is not None:
        return await questions.waiting(exchange.tx, approval_id=exchange.message.about_approval)
    if exchange.about is not None:
        return await questions.waiting(exchange.tx, run_number=exchange.about.number)
    return await questions.waiting(exchange.tx, session_id=exchange.session.id)


async def _nothing_waits(exchange: Exchange) -> TelewrightError:
    if exchange.message.about_approval is not None:
        return await over(exchange, exchange.message.about_approval)
    if exchange.about is None:
        return NothingWaits()
    run = exchange.about
    state = (await report(exchange.tx, run)).state
    return NothingWaits(
        texts.questions.asks_nothing_but(run.number, run.title, state), advice=texts.questions.SEE_APPROVALS
    )


async def _choose(
    exchange: Exchange,
    asked: Sequence[Waiting],
    meant: Callable[[Question], Choice | None],
    *,
    comment: str | None = None,
) -> Reply:
    """Decide the one question that has the choice that is meant; ask which one, if there are several."""
    if not asked:
        raise await _nothing_waits(exchange)
    fitting = [(one, choice) for one in asked if (choice := meant(one.question))]
    mine = [(one, choice) for one, choice in fitting if one.may_be_decided_by(exchange.user)]
    match mine or fitting:
        case []:
            return _these_are_the_answers(asked)
        case [(one, choice)]:
            return await _decide(exchange, one.id, choice.key, comment)
        case several:
            return Reply.saying(texts.questions.WHICH_QUESTION).model_copy(
                update={
                    "choices": [
                        DecisionChoice(
                            label=texts.questions.choice_of_run(
                                choice.label, one.run_number, one.question.title
                            ),
                            approval_id=one.id,
                            key=choice.key,
                            asks_comment=choice.asks_comment,
                        )
                        for one, choice in several
                    ]
                }
            )


async def _tell(exchange: Exchange, asked: Sequence[Waiting], text: str) -> Reply:
    """Answer the one question that waits with a free text; ask which one, if there are several."""
    match asked:
        case []:
            raise await _nothing_waits(exchange)
        case [one]:
            return await _decide(exchange, one.id, None, text)
        case _:
            return Reply.saying(texts.questions.WHICH_TEXT).model_copy(
                update={
                    "choices": [
                        CommandChoice(
                            label=texts.questions.text_for_run(one.run_number, one.question.title),
                            command=f"/answer {one.run_number} {text}",
                        )
                        for one in asked
                    ]
                }
            )


async def _decide(
    exchange: Exchange,
    approval_id: ApprovalId,
    key: str | None,
    text: str | None,
    *,
    asked_before: bool = False,
) -> Reply:
    approval = await approvals.get(exchange.tx, approval_id)
    question = Question.model_validate(approval.question)
    chosen = next((choice for choice in question.choices if choice.key == key), None)
    needs_comment = chosen is not None and chosen.asks_comment and not text and not asked_before
    if chosen and needs_comment and await _may_decide(exchange, approval):
        run = await runs.get(exchange.tx, approval.run_id)
        return _ask_comment(exchange, run, approval_id, chosen, question)
    decided = await approvals.decide(
        exchange.tx,
        approval_id,
        user=exchange.user,
        front=exchange.message.front,
        trace_id=exchange.trace_id,
        choice=key,
        text=text,
    )
    run = await runs.get(exchange.tx, decided.run_id)
    exchange.to_wake.add(run.session_id)
    said = chosen.label if chosen else texts.questions.YOUR_ANSWER
    # A comment that was asked for is shown where the question stands: more of it is only noise.
    shown = asked_before and run.session_id == exchange.session.id
    return Reply(
        kind=Kind.REMARK if shown else Kind.ANSWER,
        blocks=Reply.saying(texts.questions.noted(run.number, said)).blocks,
        run_number=run.number,
        approval_id=approval_id,
    )


async def _may_decide(exchange: Exchange, approval: Approval) -> bool:
    """Whether a decision of this person would be taken: only then is a comment asked for."""
    asked = await questions.waiting(exchange.tx, approval_id=approval.id)
    return any(one.may_be_decided_by(exchange.user) for one in asked)


def _ask_comment(
    exchange: Exchange, run: Run, approval_id: ApprovalId, chosen: Choice, question: Question
) -> Reply:
    awaited = Awaited(
        approval_id=approval_id, key=chosen.key, user_id=exchange.user.id, way_out=texts.questions.WAY_OUT
    )
    return Reply.saying(texts.questions.ask_comment(question.title, chosen.label)).model_copy(
        update={"awaited": awaited, "approval_id": approval_id, "run_number": run.number}
    )


def _these_are_the_answers(asked: Sequence[Waiting], remark: str = "") -> Reply:
    lines = [*([remark] if remark else []), *map(_answers, asked)]
    several = len(asked) > 1
    return Reply.saying("\n".join(lines)).model_copy(
        update={
            "choices": [
                choice
                for one in asked
                for choice in questions.choices(
                    one.question, one.id, about=texts.questions.about_run(one.run_number) if several else ""
                )
            ]
        }
    )


def _answers(one: Waiting) -> str:
    answers = either([choice.label for choice in one.question.choices]) or texts.questions.ANY_TEXT
    return texts.questions.answers_are(one.run_number, one.question.title, answers)


def _meant(
    asked: Sequence[Waiting], said: str
) -> tuple[Callable[[Question], Choice | None] | None, str | None]:
    """Return which of a question's choices a text means, and the comment in it; nothing if it is no answer."""
    bare = said.casefold()
    if any(_named(one.question, bare) for one in asked):
        return lambda question: _named(question, bare), None
    if _YES.fullmatch(bare):
        return _approving, None
    if match := _NO.fullmatch(said):
        return _rejecting, match["reason"] or match["why"]
    return None, None


def _approving(question: Question) -> Choice | None:
    return next((choice for choice in question.choices if choice.key in _APPROVE), None)


def _rejecting(question: Question) -> Choice | None:
    for key in _REJECT:
        for choice in question.choices:
            if choice.key == key:
                return choice
    return None


def _named(question: Question, said: str) -> Choice | None:
    said = "cancel" if said in _NEVER_MIND else said
    for choice in question.choices:
        if said in {choice.key.casefold(), choice.label.casefold()}:
            return choice
    return None


def _behind(call: Call, rest: Sequence[str]) -> str | None:
    """Return what was written behind the run's number, with its line breaks."""
    if len(rest) == len(call.words):
        return call.rest or None
    return call.rest.split(maxsplit=1)[1] if rest else None
