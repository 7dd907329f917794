"""Runs are driven, ask, wait, go on and end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from shared import queue
from shared.ledger import approvals, claims
from shared.ledger.approvals import ApprovalClosed, MayNotDecide
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role, User
from tests import workflows
from tests.engine import Engine, ended, until

_CANCELLED_S = 20
"""Ten times the aim, for machines that do other things too; `benchmarks.cancel` measures the time itself."""


async def test_a_run_asks_waits_and_goes_on_with_the_answer(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    assert (await engine.run(run)).status is Status.WAITING
    [question] = await engine.waiting(run)

    await engine.decide(question, "yes")
    await engine.drain()

    after = await engine.run(run)
    assert (after.status, after.result) == (Status.SUCCEEDED, {"answers": ["first", "yes"]})


async def test_events_tell_the_whole_story_without_a_gap(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    [question] = await engine.waiting(run)
    await engine.decide(question, "yes")
    await engine.drain()

    story = await engine.events(run)
    assert [event.seq for event in story] == list(range(1, len(story) + 1))
    assert {event.trace_id for event in story} == {run.trace_id}
    assert [(event.type, event.data.get("step")) for event in story] == [
        ("run.queued", None),
        ("run.started", None),
        ("step.started", "first"),
        ("step.finished", "first"),
        ("step.started", "second"),
        ("approval.requested", None),
        ("run.waiting", None),
        ("approval.decided", None),
        ("run.resumed", None),
        ("step.started", "second"),
        ("step.finished", "second"),
        ("step.started", "third"),
        ("step.finished", "third"),
        ("run.succeeded", None),
    ]


async def test_parallel_questions_are_answered_one_by_one(engine: Engine) -> None:
    run = await engine.accept(workflows.build_parallel)
    await engine.drain()
    questions = {one.question["title"]: one for one in await engine.waiting(run)}
    assert sorted(questions) == ["Left?", "Right?"]

    await engine.decide(questions["Right?"], "no")
    await engine.drain()
    assert [one.id for one in await engine.waiting(run)] == [questions["Left?"].id]

    await engine.decide(questions["Left?"], "yes")
    await engine.drain()
    assert (await engine.run(run)).result == {"answers": ["left yes", "right no"]}


async def test_parallel_questions_may_be_answered_before_the_run_looks(engine: Engine) -> None:
    run = await engine.accept(workflows.build_parallel)
    await engine.drain()
    for question in await engine.waiting(run):
        await engine.decide(question, "yes")
    await engine.drain()
    assert (await engine.run(run)).result == {"answers": ["left yes", "right yes"]}


async def test_one_node_may_ask_twice_and_gets_each_answer_once(engine: Engine) -> None:
    run = await engine.accept(workflows.build_one_after_the_other)
    await engine.drain()
    [first] = await engine.waiting(run)
    await engine.decide(first, "yes")
    await engine.drain()
    [second] = await engine.waiting(run)
    assert second.question["title"] == "Second?"
    # Another look must not give the first answer to the second question.
    async with engine.database.transaction() as tx:
        await tx.execute("UPDATE approvals SET delivered_at = NULL WHERE id = %s", [first.id])
    await _look_again(engine, run)
    assert [one.id for one in await engine.waiting(run)] == [second.id]

    await engine.decide(second, "no")
    await engine.drain()
    assert (await engine.run(run)).result == {"answers": ["yes", "no"]}


async def test_a_failure_ends_the_run_with_what_a_person_can_do(engine: Engine) -> None:
    run = await engine.accept(workflows.build_failing)
    await engine.drain()
    after = await engine.run(run)
    assert (after.status, after.reason, after.advice) == (Status.FAILED, "The kettle is empty.", "Fill it.")


async def test_a_crash_in_a_workflow_ends_the_run_and_not_the_worker(engine: Engine) -> None:
    crashed = await engine.accept(workflows.build_crashing)
    other = await engine.accept(workflows.build_approval)
    await engine.drain()
    assert (await engine.run(crashed)).reason == "ZeroDivisionError: one by zero"
    assert (await engine.run(other)).status is Status.WAITING


async def test_a_workflow_that_cannot_be_imported_says_so(engine: Engine) -> None:
    def gone() -> None: ...

    gone.__module__ = "tests.no_such_module"
    run = await engine.accept(gone)
    await engine.drain()
    after = await engine.run(run)
    assert (after.status, after.reason_code) == (Status.FAILED, "no_such_workflow")


async def test_a_workflow_that_would_stop_without_a_question_is_refused(engine: Engine) -> None:
    run = await engine.accept(workflows.build_breakpoint)
    await engine.drain()
    after = await engine.run(run)
    assert (after.status, after.reason_code) == (Status.FAILED, "stops_without_question")


async def test_a_cancelled_run_ends_with_its_child_processes(engine: Engine, tmp_path: Path) -> None:
    run = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)})
    draining = asyncio.create_task(engine.drain())
    child = await until(lambda: _child(tmp_path))
    async with engine.database.transaction() as tx:
        await claims.request_cancel(tx, run.id, by=run.requested_by)
    await until(lambda: _ended(engine, run), within_s=_CANCELLED_S)
    assert (await engine.run(run)).status is Status.CANCELLED
    assert not psutil.pid_exists(child)
    await draining


async def test_running_time_is_limited_and_thinking_time_is_not(engine: Engine, tmp_path: Path) -> None:
    endless = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)}, time_limit_s=1)
    thinking = await engine.accept(workflows.build_approval, time_limit_s=1)
    await engine.drain()
    assert (await engine.run(endless)).status is Status.TIMED_OUT
    async with engine.database.transaction() as tx:
        await tx.execute("UPDATE approvals SET created_at = created_at - interval '1 hour'")
    [question] = await engine.waiting(thinking)
    await engine.decide(question, "yes")
    await engine.drain()
    assert (await engine.run(thinking)).status is Status.SUCCEEDED


async def test_work_on_one_project_is_queued_one_behind_the_other(engine: Engine, tmp_path: Path) -> None:
    project = await engine.project()
    first = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)}, project_id=project)
    draining = asyncio.create_task(engine.drain())
    await until(lambda: _child(tmp_path))
    second = await engine.accept(workflows.build_approval, project_id=project)
    third = await engine.accept(workflows.build_approval, project_id=project)
    await engine.drain(worker="another")
    for waiting in (second, third):
        assert (await engine.run(waiting)).status is Status.QUEUED
        [blocked] = [event for event in await engine.events(waiting) if event.type == "run.blocked"]
        assert blocked.data == {"by": first.number, "title": first.title}

    async with engine.database.transaction() as tx:
        await claims.request_cancel(tx, first.id, by=first.requested_by)
    await draining
    await engine.drain()
    assert (await engine.run(second)).status is Status.WAITING
    assert (await engine.run(third)).status is Status.WAITING


async def test_a_waiting_run_holds_no_job_and_no_lease(engine: Engine) -> None:
    project = await engine.project()
    thinking = await engine.accept(workflows.build_approval, project_id=project)
    await engine.drain()
    other = await engine.accept(workflows.build_approval, project_id=project)
    await engine.drain()
    assert (await engine.run(thinking)).status is Status.WAITING
    assert (await engine.run(other)).status is Status.WAITING
    async with engine.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        )
        assert await cursor.fetchone() == (0,)


async def test_nobody_decides_what_they_may_not_or_what_is_decided(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    [question] = await engine.waiting(run)
    viewer = User(run.requested_by, "Vera", Role.VIEWER)
    with pytest.raises(MayNotDecide):
        await engine.decide(question, "yes", viewer)
    await engine.decide(question, "yes")
    with pytest.raises(ApprovalClosed):
        await engine.decide(question, "no")


async def test_a_question_nobody_answers_in_time_ends_the_run(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    async with engine.database.transaction() as tx:
        await tx.execute("UPDATE approvals SET expires_at = now() - interval '1 second'")
    [question] = await engine.waiting(run)
    with pytest.raises(ApprovalClosed, match="time to decide"):
        await engine.decide(question, "yes")
    assert (await engine.recover()).expired_approvals == 1
    after = await engine.run(run)
    assert (after.status, after.reason_code) == (Status.TIMED_OUT, "approval_expired")
    async with engine.database.connection() as connection:
        assert (await approvals.get(connection, question.id)).status == "expired"


async def _look_again(engine: Engine, run: Run) -> None:
    async with engine.database.transaction() as tx:
        await queue.defer(tx, run)
    await engine.drain()


async def _child(directory: Path) -> int:
    file = directory / "child"
    return int(file.read_text() or 0) if file.exists() else 0


async def _ended(engine: Engine, run: Run) -> bool:
    return ended(await engine.run(run))
