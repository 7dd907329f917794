"""What a message asks is done, and answered; or it is refused, and nothing of it is done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import assert_never

from graph.conversation import commands, deciding, small_talk, texts, working
from graph.conversation.calls import Call, parse
from graph.conversation.exchange import Exchange
from graph.conversation.messages import LONGEST_TEXT, Attachment, Message
from graph.conversation.replies import Reply, Text
from graph.conversation.sentences import Meaning, SmallTalk
from graph.conversation.texts.words import listed, sized
from graph.orchestrator.work import Build
from shared.database import Connection
from shared.errors import BadInput, TelewrightError
from shared.ledger import runs
from shared.ledger.runs import Run


class TooLong(BadInput):
    """This is longer than a message may be."""

    code = "too_long"
    advice = "Say it shorter, or in several messages. Nothing was changed, and what is at work goes on."


async def answer(exchange: Exchange, meaning: Meaning | None) -> Reply:
    """Do what the message asks, or nothing of it, and return the answer."""
    # What only looks leaves nothing to take back, and a savepoint costs two round trips.
    undoing = nullcontext() if only_looks(meaning) else exchange.tx.transaction()
    try:
        async with undoing:
            reply = await _do(exchange, meaning)
    except TelewrightError as error:
        reply = refusal(error)
    if exchange.awaited is not None and reply.awaited is None:
        return reply.model_copy(update={"awaited": exchange.awaited})
    return reply


async def _do(exchange: Exchange, meaning: Meaning | None) -> Reply:
    message = exchange.message
    if message.too_long:
        raise TooLong(texts.sessions.too_long(LONGEST_TEXT // 1024))
    if message.decision is not None:
        return await deciding.press(exchange, message.decision)
    exchange.about = await about(exchange.tx, message)
    if message.attachments and not message.text.strip():
        return _kept(message.attachments)
    if parse(message.text) is not None or only_looks(meaning):
        return await _obey(exchange, meaning)
    return await _hear(exchange, message.text.strip(), meaning)


async def _hear(exchange: Exchange, text: str, meaning: Meaning | None) -> Reply:
    """Take plain text as what is most nearly asked for: a comment, an answer, or a wish."""
    return (
        await deciding.comment(exchange, text)
        or await deciding.in_words(exchange, text)
        or await _free_text(exchange, text, meaning)
        or await _obey(exchange, meaning)
    )


async def _free_text(exchange: Exchange, text: str, meaning: Meaning | None) -> Reply | None:
    if isinstance(meaning, Call) and meaning.name == "cancel":
        return None
    if exchange.may_be_for_others:
        return await deciding.overheard(exchange) if meaning is None else None
    return await deciding.free_text(exchange, text)


async def _obey(exchange: Exchange, meaning: Meaning | None) -> Reply:
    match meaning:
        case Call():
            command = commands.find(meaning.name)
            command.check_allowed(exchange.user)
            if not command.looks:
                exchange.awaited = None
            return await command.handler(exchange, meaning)
        case Build():
            return await working.build(exchange, meaning)
        case SmallTalk():
            return small_talk.answer(meaning)
        case None if exchange.about is not None:
            return await deciding.to_the_run(exchange)
        case None if exchange.outlived is not None:
            raise await deciding.over(exchange, exchange.outlived.approval_id)
        case None:
            return small_talk.not_understood(exchange.user, exchange.services.model)
        case _:
            assert_never(meaning)


def refusal(error: TelewrightError) -> Reply:
    """Return an error as a person sees it: what is wrong, and what to do."""
    return Reply(blocks=[Text(text=error.message), Text(text=error.advice)], error=error.code)


def only_looks(meaning: Meaning | None) -> bool:
    """Whether nothing comes of a message but its answer."""
    return isinstance(meaning, Call) and meaning.name in _LOOKS


_LOOKS = frozenset(command.name for command in commands.COMMANDS if command.looks)


async def about(tx: Connection, message: Message) -> Run | None:
    """Return the run that a message speaks to.

    Raises:
        NoSuchRun: There is none with this number.
    """
    return None if message.about_run is None else await runs.by_number(tx, message.about_run)


def _kept(files: Sequence[Attachment]) -> Reply:
    named = listed([texts.sessions.file(file.name, sized(file.size)) for file in files])
    return Reply.saying(texts.sessions.kept(named))
