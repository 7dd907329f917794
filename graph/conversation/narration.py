"""What a person sees of a run: its events, told in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from graph.conversation import texts
from graph.conversation.questions import offered, put
from graph.conversation.replies import Block, Code, Kind, Link, Reply, Text
from graph.conversation.texts.words import capitalised, duration, since, step_name
from graph.orchestrator.state import UNTOLD
from shared.ids import ApprovalId
from shared.ledger import events
from shared.ledger.events import Event
from shared.ledger.questions import Question
from shared.ledger.runs import Run

_LINES_SHOWN = 20
_LINE_LENGTH = 300
_WORTH_TELLING_S = 0.1
"""The end of a step that was shorter is not told: the next one has begun."""

Teller: TypeAlias = Callable[[Event, Run], Reply | None]


def narrate(event: Event, run: Run, links: Sequence[Link] = ()) -> Reply | None:
    """Tell of an event.

    Args:
        event: What happened.
        run: The run it happened to; only its title may have changed since, and is told as it is now.
        links: Where people look at its project, if it has one, for an end that says nothing of that itself.

    Returns:
        The reply, whose kind says whether it may take the place of the progress
        before it; nothing for an event that says nothing to a person.
    """
    tell = _TELLERS.get(event.type)
    reply = tell(event, run) if tell else None
    if reply is None or reply.kind is not Kind.RESULT or event.type == events.RUN_SUCCEEDED:
        return reply
    return reply.model_copy(update={"blocks": [*reply.blocks, *links]})


def _blocked(event: Event, run: Run) -> Reply:
    by, title = str(event.data.get("by")), _text(event, "title")
    return _notice(run, texts.progress.blocked(run.number, by, title))


def _started(_: Event, run: Run) -> Reply:
    return _progress(run, texts.progress.started(run.number, run.title))


def _resumed(_: Event, run: Run) -> Reply:
    return _progress(run, texts.progress.resumed(run.number, run.title))


def _paused(event: Event, run: Run) -> Reply:
    reason = _text(event, "reason").rstrip(".")
    if event.data.get("expected"):
        return _progress(run, texts.progress.paused_as_expected(reason))
    return _notice(run, texts.progress.paused(run.number, reason))


def _taken_over(_: Event, run: Run) -> Reply:
    return _notice(run, texts.progress.taken_over(run.number))


def _step_started(event: Event, run: Run) -> Reply | None:
    return None if _text(event, "step") in UNTOLD else _progress(run, texts.progress.step_begun(_step(event)))


def _step_finished(event: Event, run: Run) -> Reply | None:
    took = event.data.get("took_s")
    if _text(event, "step") in UNTOLD or (isinstance(took, int | float) and took < _WORTH_TELLING_S):
        return None
    return _progress(run, texts.progress.step_is_done(_step(event), _took(event)))


def _step_failed(event: Event, run: Run) -> Reply:
    return _notice(run, texts.progress.step_failed(_step(event), _took(event)))


def _output(event: Event, run: Run) -> Reply | None:
    lines = _lines(event)
    return _progress(run, _step(event), Code(text="\n".join(lines))) if lines else None


def _deployment(event: Event, run: Run) -> Reply | None:
    message = _text(event, "message")
    step = _step(event)
    match _text(event, "status"):
        case "started":
            return _progress(run, texts.progress.step_begun(step))
        case "ok" | "changed":
            return _progress(run, texts.progress.step_is_done(step, _took(event)))
        case "failed":
            return _notice(run, texts.progress.task_failed(step, message))
        case _:
            return None


def _note(event: Event, run: Run) -> Reply | None:
    text = _text(event, "text")
    return Reply(blocks=[Text(text=text)], kind=Kind.REMARK, run_number=run.number) if text else None


def _asked(event: Event, run: Run) -> Reply | None:
    try:
        return put(*_question(event), run.number)
    except ValueError:
        # A graph of somebody else's may have put it in another form: it stays visible.
        return _notice(run, texts.questions.asks_elsewhere(run.number, _text(event, "title")))


def _reminded(event: Event, run: Run) -> Reply | None:
    try:
        question, approval_id = _question(event)
        left = datetime.fromisoformat(_text(event, "expires_at")) - event.created_at
    except (ValueError, TypeError):
        return _notice(run, texts.questions.still_waits_elsewhere(run.number, _text(event, "title")))
    text = texts.questions.still_waits(run.number, question.title, duration(left.total_seconds()))
    return _notice(run, text).model_copy(
        update={"choices": offered(question, approval_id, run.number), "approval_id": approval_id}
    )


def _question(event: Event) -> tuple[Question, ApprovalId]:
    """Return the question that an event tells of.

    Raises:
        ValueError: It is put in another form, or has no id. A `ValidationError` is one.
    """
    question = {key: value for key, value in event.data.items() if key not in {"approval_id", "expires_at"}}
    return Question.model_validate(question), ApprovalId(UUID(_text(event, "approval_id")))


def _decided(event: Event, run: Run) -> Reply:
    name, choice = _text(event, "name"), _text(event, "choice")
    said = _text(event, "label") or choice or _text(event, "text")
    more = _text(event, "text") if choice else ""
    blocks: list[Block] = [
        Text(text=texts.questions.decided(choice, said, name)),
        *([Text(text=more)] if more else []),
    ]
    return _closing(event, run, blocks)


def _expired(event: Event, run: Run) -> Reply:
    return _closing(event, run, [Text(text=texts.questions.NOBODY_ANSWERED)])


def _cancel_requested(_: Event, run: Run) -> Reply:
    return _progress(run, texts.progress.cancel_requested(run.number, run.title))


def _succeeded(event: Event, run: Run) -> Reply:
    result = event.data.get("result")
    told: dict[str, Any] = result if isinstance(result, dict) else {}
    summary = told.get("summary") or texts.progress.done(run.title)
    took = since(run.created_at, event.created_at)
    blocks: list[Block] = [Text(text=texts.progress.succeeded(summary, run.number, took))]
    if url := told.get("url"):
        blocks.append(Link(url=str(url)))
    blocks += [
        Link(url=str(told[key]), label=label)
        for key, label in texts.progress.ADDRESSES.items()
        if told.get(key)
    ]
    return _result(run, blocks)


def _failed(event: Event, run: Run) -> Reply:
    return _bad_end(event, run, texts.progress.failed)


def _cancelled(event: Event, run: Run) -> Reply:
    why = "" if _text(event, "code") == "cancelled" else _text(event, "reason")
    blocks: list[Block] = [Text(text=texts.progress.cancelled(run.number, run.title, why))]
    return _result(run, blocks).model_copy(update={"cancelled": True})


def _timed_out(event: Event, run: Run) -> Reply:
    return _bad_end(event, run, texts.progress.timed_out)


def _bad_end(event: Event, run: Run, say: Callable[[int, str, str], str]) -> Reply:
    blocks: list[Block] = [Text(text=say(run.number, run.title, _text(event, "reason")))]
    if advice := _text(event, "advice"):
        blocks.append(Text(text=advice))
    if lines := _lines(event):
        blocks.append(Code(text="\n".join(lines), title=texts.progress.LAST_LINES))
    return _result(run, blocks).model_copy(update={"error": _text(event, "code") or "failed"})


_TELLERS: dict[str, Teller] = {
    events.RUN_BLOCKED: _blocked,
    events.RUN_STARTED: _started,
    events.RUN_RESUMED: _resumed,
    events.RUN_PAUSED: _paused,
    events.RUN_TAKEN_OVER: _taken_over,
    events.RUN_SUCCEEDED: _succeeded,
    events.RUN_FAILED: _failed,
    events.RUN_CANCELLED: _cancelled,
    events.RUN_TIMED_OUT: _timed_out,
    events.CANCEL_REQUESTED: _cancel_requested,
    events.APPROVAL_REQUESTED: _asked,
    events.APPROVAL_REMINDED: _reminded,
    events.APPROVAL_DECIDED: _decided,
    events.APPROVAL_EXPIRED: _expired,
    events.STEP_STARTED: _step_started,
    events.STEP_FINISHED: _step_finished,
    events.STEP_FAILED: _step_failed,
    events.OUTPUT_WRITTEN: _output,
    events.DEPLOYMENT_ADVANCED: _deployment,
    events.NOTE_WRITTEN: _note,
}
"""Without `run.queued`, which the answer to the message says, and `run.waiting`, which the question says."""


def _progress(run: Run, text: str, *more: Block) -> Reply:
    return Reply(blocks=[Text(text=text), *more], kind=Kind.PROGRESS, run_number=run.number)


def _notice(run: Run, text: str) -> Reply:
    return Reply(blocks=[Text(text=text)], kind=Kind.NOTICE, run_number=run.number)


def _result(run: Run, blocks: list[Block]) -> Reply:
    return Reply(blocks=blocks, kind=Kind.RESULT, run_number=run.number)


def _closing(event: Event, run: Run, blocks: list[Block]) -> Reply:
    """Return a notice that takes a question's buttons away."""
    try:
        approval_id = ApprovalId(UUID(_text(event, "approval_id")))
    except ValueError:
        approval_id = None
    return Reply(
        blocks=blocks,
        kind=Kind.NOTICE,
        run_number=run.number,
        approval_id=approval_id,
        question=_text(event, "title"),
    )


def _step(event: Event) -> str:
    return capitalised(step_name(_text(event, "step"))) or texts.progress.WORK


def _took(event: Event) -> str:
    took = event.data.get("took_s")
    return duration(took) if isinstance(took, int | float) else texts.progress.A_WHILE


def _lines(event: Event) -> list[str]:
    lines = event.data.get("lines")
    if not isinstance(lines, list):
        return []
    return [line[:_LINE_LENGTH] for line in lines[-_LINES_SHOWN:] if isinstance(line, str)]


def _text(event: Event, key: str) -> str:
    value = event.data.get(key)
    return value if isinstance(value, str) else ""
