"""A run that cannot go on before a moment is let go, and goes on by itself then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from shared.database import Database
from shared.errors import ClaimLost
from shared.ids import ProjectId
from shared.ledger import claims
from shared.ledger.claims import Claim, Pause
from shared.ledger.runs import Run, Status
from tests import workflows
from tests.engine import OWNER, Engine


async def test_a_pause_holds_nothing_and_goes_on_by_itself(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "1 1")
    await engine.drain()
    [question] = await engine.waiting(run)
    await engine.decide(question, "yes")
    await engine.drain()

    after = await engine.run(run)
    assert (after.status, after.result) == (Status.SUCCEEDED, {"answers": ["yes"]})
    assert (after.resume_at, after.pause, after.paused_since) == (None, None, None)
    told = [event.type for event in await engine.events(run) if event.type.startswith("run.")]
    assert told == [
        "run.queued", "run.started", "run.paused", "run.resumed", "run.paused", "run.resumed",
        "run.waiting", "run.resumed", "run.succeeded",
    ]  # fmt: skip
    assert not [event for event in await engine.events(run) if event.type == "step.failed"]


async def test_it_waits_with_its_reason_until_then_without_a_worker(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "3600")
    await _once(engine)

    paused = await engine.run(run)
    assert (paused.status, paused.pause) == (Status.WAITING, "The kettle is hot.")
    assert paused.resume_at is not None
    assert timedelta(minutes=59) < paused.resume_at - datetime.now(UTC) <= timedelta(hours=1)
    assert await _schedule(engine) == [("todo", paused.resume_at)]


async def test_nobody_takes_it_up_before_then(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "3600")
    await _once(engine)
    async with engine.database.transaction() as tx:
        assert await claims.claim(tx, run.id, worker="eager") is None

    await _pass_time(engine, run, timedelta(minutes=50))
    assert (await engine.recover()).runs_without_job == 0
    assert (await engine.recover()).overdue_runs == 0
    assert (await engine.run(run)).status is Status.WAITING


async def test_a_pause_whose_job_was_lost_is_taken_up_by_recovery(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "3600")
    await _once(engine)
    async with engine.database.transaction() as tx:
        await tx.execute("DELETE FROM procrastinate_jobs")
    await _pass_time(engine, run, timedelta(hours=2))

    assert (await engine.recover()).runs_without_job == 1
    await engine.drain()
    assert await engine.waiting(run)


async def test_the_pause_is_none_of_the_time_that_a_run_may_take(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "3600", time_limit_s=60)
    await _once(engine)
    await _pass_time(engine, run, timedelta(hours=2))
    await _due(engine)
    await engine.drain()

    assert await engine.waiting(run)
    assert (await engine.run(run)).ran_s < 60


async def test_a_paused_run_is_cancelled_at_once(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "3600")
    await _once(engine)
    async with engine.database.transaction() as tx:
        assert await claims.request_cancel(tx, run.id, by=OWNER.id) is Status.CANCELLED
    assert (await engine.run(run)).resume_at is None

    await _due(engine)
    await engine.drain()
    assert (await engine.run(run)).status is Status.CANCELLED


async def test_another_run_of_the_project_goes_on_in_a_pause(engine: Engine, tmp_path: Path) -> None:
    project = await engine.project()
    paused = await engine.accept(
        workflows.build_pausing, {"directory": str(_pauses(tmp_path, "2"))}, project_id=project
    )
    await _once(engine)
    other = await engine.accept(workflows.build_approval, project_id=project)
    await _once(engine)
    assert (await engine.run(other)).status is Status.WAITING
    await engine.drain()
    assert await engine.waiting(paused)


async def test_what_has_come_sooner_has_it_go_on_at_once(engine: Engine, tmp_path: Path) -> None:
    project = await engine.project()
    paused = await engine.accept(
        workflows.build_pausing, {"directory": str(_pauses(tmp_path, "3600"))}, project_id=project
    )
    await _once(engine)
    assert await _end_pauses(engine, project, "rate_limited") == 0
    await _once(engine)
    assert not await engine.waiting(paused), "it is paused for something else"

    assert [await _end_pauses(engine, project, "not_now") for _ in range(2)] == [1, 0]
    assert await _schedule(engine) == [("todo", None)]
    await _once(engine)
    assert await engine.waiting(paused)
    assert await _end_pauses(engine, project, "not_now") == 0, "it waits for a person"


async def test_what_is_paused_for_a_day_without_a_step_ends(engine: Engine, tmp_path: Path) -> None:
    run = await _pausing(engine, tmp_path, "3600 3600")
    await _once(engine)
    await _pass_time(engine, run, timedelta(hours=25))
    await _due(engine)
    await _once(engine)

    after = await engine.run(run)
    assert (after.status, after.reason_code) == (Status.TIMED_OUT, "paused_too_long")


async def test_a_worker_that_lost_its_claim_pauses_nothing(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    async with engine.database.pipelined_transaction() as tx:
        before = await claims.claim(tx, run.id, worker="one")
    async with engine.database.pipelined_transaction() as tx:
        await claims.claim(tx, run.id, worker="two")
    assert before is not None
    pause = Pause(datetime.now(UTC) + timedelta(hours=1), "Later.", expected=False, code="later")
    with pytest.raises(ClaimLost):
        async with engine.database.pipelined_transaction() as tx:
            await claims.let_go_paused(tx, await claims.lock_held(tx, before), pause)
    assert (await engine.run(run)).status is Status.RUNNING


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=-2)])
async def test_a_pause_is_as_long_as_it_was_asked_for_whatever_clock_the_database_has(
    engine: Engine, tmp_path: Path, ahead: timedelta
) -> None:
    await _set_clock(engine, ahead)
    elsewhere = make_conninfo(engine.database.url, options="-c search_path=public,pg_catalog")
    async with Database(elsewhere, connections=4) as database:
        there = Engine(database, engine.live)
        run = await _pausing(there, tmp_path, "3600")
        await _once(there)

        paused = await there.run(run)
        assert paused.resume_at is not None
        pause = paused.resume_at - ahead - datetime.now(UTC)
        assert timedelta(minutes=59) < pause <= timedelta(hours=1)
        assert await _schedule(there) == [("todo", paused.resume_at)]
        assert await _claims(there, run) is None

        await _set_clock(engine, ahead + timedelta(minutes=61))
        assert await _claims(there, run) is not None


async def _set_clock(engine: Engine, ahead: timedelta) -> None:
    """Let the database's clock differ from ours, for those who look for it in `public` first."""
    async with engine.database.transaction() as tx:
        for name in ("now", "clock_timestamp"):
            await tx.execute(
                f"""
                CREATE OR REPLACE FUNCTION public.{name}() RETURNS timestamptz LANGUAGE sql
                RETURN pg_catalog.{name}() + INTERVAL '{ahead.total_seconds()} seconds'
                """
            )


async def _end_pauses(engine: Engine, project: ProjectId, code: str) -> int:
    async with engine.database.transaction() as tx:
        return await claims.end_pauses(tx, project, code=code)


async def _claims(engine: Engine, run: Run) -> Claim | None:
    async with engine.database.transaction() as tx:
        return await claims.claim(tx, run.id, worker="next")


async def _pausing(engine: Engine, directory: Path, pauses: str, *, time_limit_s: int = 1800) -> Run:
    """Accept a run that pauses for so many seconds, once for each number."""
    return await engine.accept(
        workflows.build_pausing, {"directory": str(_pauses(directory, pauses))}, time_limit_s=time_limit_s
    )


def _pauses(directory: Path, pauses: str) -> Path:
    (directory / "pauses").write_text(pauses)
    return directory


async def _once(engine: Engine) -> None:
    """Do the jobs that are due, and not those for later."""
    await engine.drain(later=False)


async def _pass_time(engine: Engine, run: Run, time: timedelta) -> None:
    """Let a run have been paused so much earlier."""
    async with engine.database.transaction() as tx:
        await tx.execute(
            """
            UPDATE runs SET resume_at = resume_at - %(time)s, paused_since = paused_since - %(time)s,
                            claimed_at = claimed_at - %(time)s, beat_at = beat_at - %(time)s
             WHERE id = %(id)s
            """,
            {"time": time, "id": run.id},
        )


async def _due(engine: Engine) -> None:
    async with engine.database.transaction() as tx:
        await tx.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
        await tx.execute("UPDATE runs SET resume_at = now() WHERE resume_at IS NOT NULL")


async def _schedule(engine: Engine) -> list[tuple[str, datetime | None]]:
    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT status, scheduled_at FROM procrastinate_jobs ORDER BY id")
        return [(row[0], row[1]) for row in await cursor.fetchall()]
