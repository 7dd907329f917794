"""What a person sees of a run's events."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.conversation.narration import narrate
from graph.conversation.replies import Code, DecisionChoice, Kind, Link, Reply
from shared.ids import RunId, SessionId, UserId
from shared.ledger import events
from shared.ledger.events import Event
from shared.ledger.questions import Choice, Question
from shared.ledger.runs import Run, Status

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TYPES = [
    value for name, value in vars(events).items() if name.isupper() and "." in str(value) and name[0] != "_"
]
RUN = Run(
    id=RunId(uuid.uuid4()), number=7, thread_id="t", workflow_version_id=1, session_id=SessionId(uuid.uuid4()),
    project_id=None, requested_by=UserId("test:owner"), title="Build hello", input={}, status=Status.RUNNING,
    reason_code=None, reason=None, advice=None, result=None, claim_token=1, takeovers=0, time_limit_s=60, ran_s=0,
    blocked_by=None,
    cancel_requested_at=None, last_event=1, trace_id="t", created_at=BEGAN, started_at=None, ended_at=None,
)  # fmt: skip


def told(type_: str, **data: object) -> Reply:
    reply = narrate(Event(RUN.id, 1, type_, data, "t", BEGAN + timedelta(seconds=42)), RUN)
    assert reply is not None
    assert reply.run_number == 7
    return reply


@pytest.mark.parametrize(
    ("type_", "data", "kind", "words"),
    [
        (events.RUN_BLOCKED, {"by": 3, "title": "Deploy hello"}, Kind.NOTICE, "waits behind run 3 (Deploy hello)"),
        (events.RUN_STARTED, {}, Kind.PROGRESS, "a worker has taken it up"),
        (events.RUN_PAUSED, {"reason": "GitHub takes no more requests until 17:40:22 UTC", "expected": False}, Kind.NOTICE,
         "Run 7 pauses: GitHub takes no more requests until 17:40:22 UTC. It goes on by itself then."),
        (events.RUN_PAUSED, {"reason": "The checks are not done.", "expected": True}, Kind.PROGRESS,
         "The checks are not done."),
        (events.RUN_TAKEN_OVER, {}, Kind.NOTICE, "picked up again by another worker"),
        (events.STEP_STARTED, {"step": "test"}, Kind.PROGRESS, "Test …"),
        (events.STEP_FINISHED, {"step": "write_code", "took_s": 65.2}, Kind.PROGRESS, "Write code: done in 1 min 5 s."),
        (events.STEP_FAILED, {"step": "test", "took_s": 1.25}, Kind.NOTICE, "Test: failed after 1.2 s."),
        (events.OUTPUT_WRITTEN, {"step": "test", "lines": ["5 passed"]}, Kind.PROGRESS, "5 passed"),
        (events.DEPLOYMENT_ADVANCED, {"step": "Start the new instance", "status": "changed", "took_s": 2}, Kind.PROGRESS,
         "Start the new instance: done in 2.0 s."),
        (events.DEPLOYMENT_ADVANCED, {"step": "Wait", "status": "failed", "message": "No answer."}, Kind.NOTICE,
         "Wait: failed. No answer."),
        (events.NOTE_WRITTEN, {"text": "hello is a new project."}, Kind.REMARK, "hello is a new project."),
        (events.CANCEL_REQUESTED, {"by": "test:owner"}, Kind.PROGRESS, "is being cancelled"),
        (events.RUN_CANCELLED, {"code": "cancelled", "reason": "It was cancelled."}, Kind.RESULT,
         "Run 7, Build hello, is cancelled."),
        (events.RUN_CANCELLED, {"code": "called_off", "reason": "Nothing was made."}, Kind.RESULT,
         "Run 7, Build hello, is cancelled. Nothing was made."),
    ],
)  # fmt: skip
def test_an_event_is_told_in_words(type_: str, data: dict[str, Any], kind: Kind, words: str) -> None:
    reply = told(type_, **data)

    assert words in reply.plain
    assert reply.kind is kind


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (events.STEP_STARTED, {"step": "approve_plan"}),
        (events.STEP_FINISHED, {"step": "approve_plan", "took_s": 65.2}),
        (events.STEP_FINISHED, {"step": "plan", "took_s": 0.01}),
    ],
)
def test_what_a_person_sees_anyhow_is_not_told(type_: str, data: dict[str, Any]) -> None:
    assert narrate(Event(RUN.id, 1, type_, data, "t", BEGAN), RUN) is None


def test_a_question_comes_with_its_facts_and_buttons() -> None:
    approval_id = uuid.uuid4()
    question = Question(
        kind="plan", title="Build hello?", facts=[("Server", "local"), ("Blueprint", "web-service")], text="More.", digest="d",
        choices=[Choice(key="approve", label="Approve"), Choice(key="reject", label="Change it", asks_comment=True)],
    )  # fmt: skip

    reply = told(events.APPROVAL_REQUESTED, approval_id=str(approval_id), **question.model_dump(mode="json"))

    assert (reply.kind, reply.approval_id) == (Kind.QUESTION, approval_id)
    assert reply.plain == "Build hello?\nServer: local\nBlueprint: web-service\nMore."
    assert [(one.key, one.asks_comment) for one in reply.choices if isinstance(one, DecisionChoice)] == [
        ("approve", False), ("reject", True)
    ]  # fmt: skip


def test_a_question_of_an_unknown_form_stays_visible() -> None:
    assert "See /approvals." in told(events.APPROVAL_REQUESTED, title="Well?", mood="odd").plain


def test_a_decision_says_who_and_takes_the_buttons_away() -> None:
    approval_id = uuid.uuid4()
    reply = told(
        events.APPROVAL_DECIDED,
        approval_id=str(approval_id), title="Build hello?", name="Ada", choice="reject", label="Change it", text="smaller",
    )  # fmt: skip

    assert reply.plain == "Changes asked for by Ada\nsmaller"
    assert reply.in_full.plain == "Build hello? Changes asked for by Ada\nsmaller"
    assert reply.approval_id == approval_id


@pytest.mark.parametrize(
    ("choice", "label", "text", "said"),
    [
        ("approve", "Approve", None, "Approved by Ada"),
        ("cancel", "Cancel", None, "Cancelled by Ada"),
        ("decline", "Do not deploy", None, "Declined by Ada"),
        ("again", "Try again", None, "Ada answered: Try again"),
        (None, None, "hello-again", "Ada answered: hello-again"),
    ],
)
def test_a_decision_is_told_in_a_few_words(
    choice: str | None, label: str | None, text: str | None, said: str
) -> None:
    data = {"title": "Well?", "name": "Ada", "choice": choice, "label": label, "text": text}

    assert told(events.APPROVAL_DECIDED, **data).plain == said


def test_success_says_what_it_came_to_and_where_it_answers() -> None:
    result = {"summary": "Release 1 of hello is live.", "url": "http://127.0.0.1:8000/"}
    reply = told(events.RUN_SUCCEEDED, result=result)

    assert reply.plain.startswith("Release 1 of hello is live.\nRun 7 is done after 42 s.")
    assert Link(url="http://127.0.0.1:8000/") in reply.blocks
    assert reply.kind is Kind.RESULT


def test_success_says_where_the_code_the_proposal_and_the_dashboard_are() -> None:
    where = "https://github.com/ann/hello"
    board = "https://grafana.example.com/d/abc?var-project=hello&var-run=7"
    result = {
        "summary": "Live.",
        "dashboard": board,
        "repository": where,
        "pull_request": f"{where}/pull/1",
    }

    assert told(events.RUN_SUCCEEDED, result=result).blocks[1:] == [
        Link(url=f"{where}/pull/1", label="Pull request"),
        Link(url=where, label="Repository"),
        Link(url=board, label="Dashboard"),
    ]


def test_failure_says_why_and_what_to_do() -> None:
    reply = told(events.RUN_FAILED, reason="Two tests failed.", code="tests_failed", advice="Correct them.")

    assert reply.plain == "Run 7, Build hello, has failed. Two tests failed.\nCorrect them."
    assert (reply.kind, reply.error) == (Kind.RESULT, "tests_failed")


def test_output_is_cut_to_what_can_be_read() -> None:
    reply = told(events.OUTPUT_WRITTEN, lines=["x" * 10_000] * 1_000)

    [code] = [block for block in reply.blocks if isinstance(block, Code)]
    assert len(code.text) < 7_000


def test_every_event_but_two_says_something() -> None:
    silent = {
        type_
        for type_ in TYPES
        if narrate(Event(RUN.id, 1, type_, {"lines": ["x"], "text": "x", "status": "ok"}, "t", BEGAN), RUN)
        is None
    }

    assert silent == {events.RUN_QUEUED, events.RUN_WAITING}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    max_leaves=5,
)
KEYS = [
    "approval_id",
    "title",
    "by",
    "name",
    "choice",
    "text",
    "step",
    "took_s",
    "lines",
    "status",
    "message",
    "result",
    "reason",
    "advice",
    "code",
]


@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_a_graph_wrote_is_told_without_a_fault(type_: str, data: dict[str, Any]) -> None:
    narrate(Event(RUN.id, 1, type_, data, "t", BEGAN), RUN)


@pytest.mark.parametrize(
    ("type_", "leads"),
    [
        (events.RUN_FAILED, True),
        (events.RUN_CANCELLED, True),
        (events.RUN_TIMED_OUT, True),
        # It says itself where.
        (events.RUN_SUCCEEDED, False),
        (events.RUN_TAKEN_OVER, False),
    ],
)
def test_only_an_end_that_says_nothing_of_its_project_leads_there(type_: str, leads: bool) -> None:
    link = Link(url="https://example.com/", label="Dashboard")

    reply = narrate(Event(RUN.id, 1, type_, {}, "t", BEGAN), RUN, [link])

    assert reply is not None
    assert (link in reply.blocks) is leads
