"""What nobody works on is taken up, or ended, though everybody seems to live."""

from __future__ import annotations

import pytest

from scheduler.recovery import Recovered
from shared.ledger import claims
from shared.ledger.claims import Claim
from shared.ledger.runs import Run, Status
from shared.locks import redis_lock
from tests import workflows
from tests.engine import Engine


async def test_a_job_that_a_living_worker_could_not_let_go_of_is_done_again(engine: Engine) -> None:
    run = await engine.accept(workflows.build_effects, {"directory": "/nonexistent", "name": "n"})
    await _claim(engine, run)
    await _doing(engine, since_s=200)
    await _silent(engine, run, since_s=200)

    assert await engine.recover() == Recovered(abandoned_jobs=1)
    assert await _jobs(engine) == ["todo"]
    assert await engine.recover() == Recovered()
    await engine.drain()
    assert (await engine.run(run)).status is Status.FAILED


@pytest.mark.parametrize(("begun_s", "silent_s"), [(200, 0), (5, 200)], ids=["it beats", "it has just begun"])
async def test_a_job_that_somebody_does_is_left_alone(engine: Engine, begun_s: int, silent_s: int) -> None:
    run = await engine.accept(workflows.build_approval)
    await _claim(engine, run)
    await _doing(engine, since_s=begun_s)
    await _silent(engine, run, since_s=silent_s)

    assert await engine.recover() == Recovered()
    assert await _jobs(engine) == ["doing"]


async def test_a_job_left_behind_by_a_run_that_waits_does_not_hold_up_the_answer(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    await _tick(
        engine, "runs", "runs.execute", f"thread:{run.thread_id}", {"run_id": str(run.id), "trace_id": ""}
    )
    await _doing(engine, since_s=200)
    (approval,) = await engine.waiting(run)
    await engine.decide(approval, "yes")

    assert (await engine.recover()).abandoned_jobs == 1
    await engine.drain()
    assert (await engine.run(run)).status is Status.SUCCEEDED


async def test_a_tick_left_behind_is_done_again_or_forgotten_where_the_next_one_waits(engine: Engine) -> None:
    await _tick(engine, "timetable", "timetable.run", "timetable:test", {"name": "test", "timestamp": 1})
    await _doing(engine, since_s=200)
    async with redis_lock(engine.live, engine.database, "test", ttl_s=30):
        assert await engine.recover() == Recovered()
    async with engine.database.transaction() as tx:
        await tx.execute("UPDATE leases SET beat_at = now() - interval '200 s', released_at = NULL")
    assert (await engine.recover()).abandoned_jobs == 1
    assert await _jobs(engine) == ["todo"]

    await _doing(engine, since_s=200)
    await _tick(engine, "timetable", "timetable.run", "timetable:test", {"name": "test", "timestamp": 2})
    assert (await engine.recover()).abandoned_jobs == 1
    assert await _jobs(engine) == ["todo"]


async def test_a_run_that_has_used_up_its_time_ends_though_no_worker_is_there(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval, time_limit_s=60)
    await _claim(engine, run)
    await _silent(engine, run, since_s=20, ran_s=61)

    assert (await engine.recover()).overdue_runs == 1

    ended = await engine.run(run)
    assert (ended.status, ended.reason_code) == (Status.TIMED_OUT, "timed_out")
    assert (await engine.events(run))[-1].type == "run.timed_out"


@pytest.mark.parametrize(
    ("silent_s", "ran_s"), [(0, 61), (3600, 59)], ids=["its worker lives", "nobody had it for long"]
)
async def test_a_run_that_has_time_left_or_a_worker_is_not_ended(
    engine: Engine, silent_s: int, ran_s: int
) -> None:
    run = await engine.accept(workflows.build_approval, time_limit_s=60)
    await _claim(engine, run)
    await _silent(engine, run, since_s=silent_s, ran_s=ran_s)

    assert (await engine.recover()).overdue_runs == 0
    assert (await engine.run(run)).status is Status.RUNNING


async def _claim(engine: Engine, run: Run) -> Claim:
    async with engine.database.pipelined_transaction() as tx:
        claim = await claims.claim(tx, run.id, worker="somebody")
    assert claim is not None
    return claim


async def _silent(engine: Engine, run: Run, *, since_s: int, ran_s: int = 1) -> None:
    """Have a run's worker be silent for a while, after so much work."""
    async with engine.database.transaction() as tx:
        await tx.execute(
            """
            UPDATE runs SET beat_at = now() - make_interval(secs => %(since)s),
                            claimed_at = now() - make_interval(secs => %(since)s + %(ran)s)
             WHERE id = %(id)s
            """,
            {"id": run.id, "since": since_s, "ran": ran_s},
        )


async def _tick(engine: Engine, queue: str, task: str, lock: str, args: dict[str, object]) -> None:
    async with engine.queue.open_async(engine.database.pool):
        await engine.queue.configure_task(
            task, queue=queue, lock=lock, queueing_lock=lock, allow_unknown=True
        ).defer_async(**args)  # type: ignore[arg-type]


async def _doing(engine: Engine, *, since_s: int) -> None:
    """Have a worker that lives do the jobs that wait, begun a while ago."""
    async with engine.database.transaction() as tx:
        cursor = await tx.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        worker = await cursor.fetchone()
        assert worker is not None
        await tx.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s", [worker[0]])
        await tx.execute("UPDATE procrastinate_events SET at = now() - make_interval(secs => %s)", [since_s])


async def _jobs(engine: Engine) -> list[str]:
    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT status FROM procrastinate_jobs ORDER BY id")
        return [row[0] for row in await cursor.fetchall()]
