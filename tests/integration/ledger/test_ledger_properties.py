"""The state machine of runs, the numbering of events, and acceptance, under any order and concurrency."""

from __future__ import annotations

import asyncio
from itertools import product

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import ClaimLost
from shared.ids import RunId
from shared.ledger import approvals, claims, deployments, events, releases
from shared.ledger.claims import Claim, Ending
from shared.ledger.questions import Asked, Question
from shared.ledger.runs import Status
from tests import workflows
from tests.engine import OWNER, Engine, open_engine

LEGAL = {
    Status.QUEUED: {Status.RUNNING, Status.CANCELLED, Status.FAILED, Status.TIMED_OUT},
    Status.RUNNING: {Status.WAITING, Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT},
    Status.WAITING: {Status.RUNNING, Status.CANCELLED, Status.FAILED, Status.TIMED_OUT},
}
PATHS = {
    Status.QUEUED: [],
    Status.RUNNING: [Status.RUNNING],
    Status.WAITING: [Status.RUNNING, Status.WAITING],
    Status.SUCCEEDED: [Status.RUNNING, Status.SUCCEEDED],
    Status.FAILED: [Status.RUNNING, Status.FAILED],
    Status.CANCELLED: [Status.CANCELLED],
    Status.TIMED_OUT: [Status.RUNNING, Status.TIMED_OUT],
}
QUESTION = Asked("interrupt", "task", Question(kind="question", title="?", wants_text=True, digest="0"))


async def test_the_database_refuses_every_illegal_transition(engine: Engine) -> None:
    for before, after in product(Status, Status):
        run = await engine.accept(workflows.build_approval)
        for status in PATHS[before]:
            await _force(engine, run.id, status)
        if before is after or after in LEGAL.get(before, set()):
            await _force(engine, run.id, after)
        else:
            with pytest.raises(psycopg.Error, match="cannot go from"):
                await _force(engine, run.id, after)


async def test_a_claim_token_never_shrinks(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    async with engine.database.connection() as connection:
        await connection.execute("UPDATE runs SET claim_token = 5 WHERE id = %s", [run.id])
        with pytest.raises(psycopg.Error, match="never shrinks"):
            await connection.execute("UPDATE runs SET claim_token = 4 WHERE id = %s", [run.id])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(
        st.sampled_from(["claim", "emit", "wait", "decide", "succeed", "fail", "cancel"]), max_size=14
    )
)
def test_an_old_claim_writes_nothing_whatever_happened_in_between(
    database_url: str, redis_url: str, moves: list[str]
) -> None:
    asyncio.run(_play(database_url, redis_url, moves))


async def _play(database_url: str, redis_url: str, moves: list[str]) -> None:
    """Make the moves with the newest claim; after each, every older claim is refused."""
    async with open_engine(database_url, redis_url) as engine:
        run = await engine.accept(workflows.build_approval)
        held: list[Claim] = []
        for move in moves:
            await _move(engine, run.id, move, held)
            now = await engine.run(run)
            for old in held:
                if old.token == now.claim_token and now.status is Status.RUNNING:
                    continue
                with pytest.raises(ClaimLost):
                    async with engine.database.transaction() as tx:
                        await claims.let_go_ended(
                            tx, await claims.lock_held(tx, old), Ending(Status.SUCCEEDED)
                        )
                with pytest.raises(ClaimLost):
                    async with engine.database.transaction() as tx:
                        await events.append_all(
                            tx, run.id, [events.Told(events.NOTE_WRITTEN, {})], token=old.token
                        )
                assert await engine.run(run) == now
        story = await engine.events(run)
        assert [event.seq for event in story] == list(range(1, len(story) + 1))
        assert now.last_event == len(story) if moves else True


async def _move(engine: Engine, run_id: RunId, move: str, held: list[Claim]) -> None:
    if move == "decide":
        for question in await engine.waiting(await engine.run(run_id)):
            async with engine.database.transaction() as tx:
                await approvals.decide(
                    tx, question.id, user=OWNER, front="test", trace_id="0" * 31 + "1", text="yes"
                )
        return
    async with engine.database.transaction() as tx:
        if move == "claim":
            if claim := await claims.claim(tx, run_id, worker="w"):
                held.append(claim)
            return
        if move == "cancel":
            await claims.request_cancel(tx, run_id, by=(await engine.run(run_id)).requested_by)
            return
    if not held:
        return
    try:
        async with engine.database.transaction() as tx:
            match move:
                case "emit":
                    await events.append_all(
                        tx, run_id, [events.Told(events.NOTE_WRITTEN, {})], token=held[-1].token
                    )
                case "wait":
                    await claims.let_go_waiting(tx, await claims.lock_held(tx, held[-1]), [QUESTION])
                case "succeed":
                    await claims.let_go_ended(
                        tx, await claims.lock_held(tx, held[-1]), Ending(Status.SUCCEEDED)
                    )
                case "fail":
                    await claims.let_go_ended(
                        tx, await claims.lock_held(tx, held[-1]), Ending(Status.FAILED, "x", "y")
                    )
    except ClaimLost:
        pass


async def test_events_are_numbered_without_a_gap_when_many_write_at_once(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)

    async def write(number: int) -> None:
        async with engine.database.transaction() as tx:
            await events.append(tx, run.id, events.NOTE_WRITTEN, {"n": number})
            if number % 3 == 0:
                raise psycopg.Rollback

    await asyncio.gather(*(write(number) for number in range(60)))
    story = await engine.events(run)
    assert [event.seq for event in story] == list(range(1, 42))
    assert (await engine.run(run)).last_event == 41


async def test_a_run_accepted_many_times_at_once_is_one_run(engine: Engine) -> None:
    accepted = await asyncio.gather(
        *(engine.accept(workflows.build_approval, idempotency_key="message 1") for _ in range(12))
    )
    assert len({run.id for run in accepted}) == 1
    await engine.drain()
    starts = [event for event in await engine.events(accepted[0]) if event.type == "run.started"]
    assert len(starts) == 1


async def test_a_deployment_does_not_stay_started_when_its_run_is_cancelled(engine: Engine) -> None:
    project = await engine.project()
    run = await engine.accept(workflows.build_approval, project_id=project)
    async with engine.database.transaction() as tx:
        release = await releases.record(
            tx, project_id=project, commit_sha="0" * 40, digest="0", contract={}, tests="", run_id=run.id
        )
        await deployments.start(
            tx, project_id=project, release_id=release.id, run_id=run.id, attempt=1, server="local"
        )
    async with engine.database.transaction() as tx:
        await claims.request_cancel(tx, run.id, by=run.requested_by)
    async with engine.database.connection() as connection:
        [deployment] = await deployments.of_project(connection, project)
    assert (deployment.status, deployment.reason) == ("failed", "It was cancelled.")


async def test_two_people_press_one_button_and_one_of_them_decides(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    [question] = await engine.waiting(run)
    pressed = await asyncio.gather(
        *(engine.decide(question, choice) for choice in ("yes", "no", "yes", "no")), return_exceptions=True
    )
    assert sum(not isinstance(one, Exception) for one in pressed) == 1
    decisions = [event for event in await engine.events(run) if event.type == "approval.decided"]
    assert len(decisions) == 1


async def _force(engine: Engine, run_id: RunId, status: Status) -> None:
    async with engine.database.connection() as connection:
        await connection.execute(
            "UPDATE runs SET status = %(s)s, ended_at = CASE WHEN %(ended)s THEN now() END WHERE id = %(id)s",
            {"s": status, "ended": status.ended, "id": run_id},
        )
