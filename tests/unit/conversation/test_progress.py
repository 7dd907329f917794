"""A run's events as one picture."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from graph.conversation.progress import LINES_SHOWN, Fact, Progress, StepState, picture
from shared.ids import RunId, SessionId, UserId
from shared.ledger import events
from shared.ledger.runs import Run, Status

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RUN = Run(
    id=RunId(uuid.uuid4()), number=7, thread_id="t", workflow_version_id=1, session_id=SessionId(uuid.uuid4()),
    project_id=None, requested_by=UserId("test:owner"), title="Build hello", input={}, status=Status.RUNNING,
    reason_code=None, reason=None, advice=None, result=None, claim_token=1, takeovers=0, time_limit_s=60, ran_s=0,
    blocked_by=None,
    cancel_requested_at=None, last_event=1, trace_id="t", created_at=BEGAN, started_at=BEGAN, ended_at=None,
)  # fmt: skip


def begun(step: str) -> tuple[str, dict[str, Any]]:
    return events.STEP_STARTED, {"step": step}


def done(step: str, took_s: float = 1.5) -> tuple[str, dict[str, Any]]:
    return events.STEP_FINISHED, {"step": step, "took_s": took_s}


def failed(step: str) -> tuple[str, dict[str, Any]]:
    return events.STEP_FAILED, {"step": step, "took_s": 2.0}


def printed(*lines: str) -> tuple[str, dict[str, Any]]:
    return events.OUTPUT_WRITTEN, {"step": "test", "lines": list(lines)}


def advanced(step: str, status: str, **more: object) -> tuple[str, dict[str, Any]]:
    return events.DEPLOYMENT_ADVANCED, {"step": step, "status": status, **more}


def of(*told: tuple[str, dict[str, Any]], status: Status = Status.RUNNING) -> Progress:
    """Return the picture of events a second apart."""
    facts = [Fact(type_, data, BEGAN + timedelta(seconds=n)) for n, (type_, data) in enumerate(told)]
    ended_at = BEGAN + timedelta(seconds=len(told)) if status.ended else None
    return picture(dataclasses.replace(RUN, status=status, ended_at=ended_at), facts, "")


def ticked(progress: Progress) -> list[tuple[str, str]]:
    return [(step.name, str(step.state)) for step in progress.steps]


def test_steps_are_ticked_off_in_order_and_the_current_one_says_since_when() -> None:
    progress = of(begun("plan"), done("plan", 0.5), begun("write_code"), done("write_code"), begun("test"))

    assert ticked(progress) == [("Plan", "done"), ("Write code", "done"), ("Test", "current")]
    assert [step.took_s for step in progress.steps] == [0.5, 1.5, None]
    assert progress.current is not None
    assert progress.current.since == BEGAN + timedelta(seconds=4)


def test_a_step_that_is_done_again_stands_once_where_it_is_done_last() -> None:
    progress = of(
        begun("plan"), done("plan"), begun("draft"), done("draft"), begun("plan"), done("plan", 9.0)
    )

    assert ticked(progress) == [("Draft", "done"), ("Plan", "done")]
    assert progress.steps[-1].took_s == 9.0


def test_steps_that_only_ask_or_report_are_not_among_them() -> None:
    progress = of(begun("plan"), done("plan"), begun("approve_plan"), done("approve_plan"), begun("report"))

    assert ticked(progress) == [("Plan", "done")]


def test_a_step_that_a_dead_worker_left_is_current_again_when_another_begins_it_anew() -> None:
    before = [begun("plan"), done("plan"), begun("test")]
    taken_over = (events.RUN_TAKEN_OVER, {"worker": "w2"})

    assert ticked(of(*before, taken_over)) == [("Plan", "done")]
    assert ticked(of(*before, taken_over, begun("test"))) == [("Plan", "done"), ("Test", "current")]


def test_a_step_in_which_the_run_ended_has_failed() -> None:
    told = [begun("plan"), done("plan"), begun("test")]

    assert ticked(of(*told, status=Status.TIMED_OUT))[-1] == ("Test", "failed")
    assert of(*told, status=Status.CANCELLED).steps[-1].took_s == 1.0
    assert ticked(of(*told, failed("test"), status=Status.FAILED))[-1] == ("Test", "failed")


def test_parallel_steps_are_current_at_once() -> None:
    progress = of(begun("one"), begun("other"), done("one"))

    assert ticked(progress) == [("One", "done"), ("Other", "current")]


def test_the_last_lines_are_those_of_the_step_that_was_begun_last() -> None:
    progress = of(begun("scaffold"), printed("a file"), begun("test"), printed(*map(str, range(9))))

    assert progress.lines == ["3", "4", "5", "6", "7", "8"]
    assert of(begun("test"), printed("5 passed"), done("test"), begun("publish")).lines == []


def test_the_lines_of_a_run_that_failed_stay_and_those_of_one_that_succeeded_go() -> None:
    told = [begun("test"), printed("1 failed"), failed("test")]

    assert of(*told, status=Status.FAILED).lines == ["1 failed"]
    assert of(*told, status=Status.SUCCEEDED).lines == []


def test_each_task_of_a_playbook_is_one_line() -> None:
    progress = of(
        begun("deploy"),
        advanced("Copy the release", "started"),
        advanced("Copy the release", "changed", took_s=2.0),
        advanced("Nothing to do", "skipped"),
        advanced("Wait for health", "started"),
    )

    assert progress.lines == ["Copy the release: done in 2.0 s", "Wait for health …"]


def test_a_task_that_failed_says_why() -> None:
    assert of(begun("deploy"), advanced("Wait", "failed", message="No answer.")).lines == [
        "Wait: failed. No answer."
    ]


JUNK = st.fixed_dictionaries(
    {}, optional={"step": st.text() | st.integers(), "lines": st.none() | st.lists(st.text() | st.integers()),
                  "status": st.sampled_from(["started", "ok", "failed", "?"]), "took_s": st.text() | st.floats()}
)  # fmt: skip
TOLD = st.tuples(
    st.sampled_from(
        [events.STEP_STARTED, events.STEP_FINISHED, events.STEP_FAILED, events.RUN_TAKEN_OVER,
         events.OUTPUT_WRITTEN, events.DEPLOYMENT_ADVANCED]
    ),
    JUNK,
)  # fmt: skip


@given(st.lists(TOLD), st.sampled_from(Status))
def test_whatever_a_graph_tells_becomes_a_picture(
    told: list[tuple[str, dict[str, Any]]], status: Status
) -> None:
    progress = of(*told, status=status)

    names = [step.name for step in progress.steps]
    assert len(progress.lines) <= LINES_SHOWN
    assert len(names) <= len(told)
    assert not (status.ended and any(step.state is StepState.CURRENT for step in progress.steps))
