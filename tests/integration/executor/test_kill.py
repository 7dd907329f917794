"""Workers that are killed or paused at any moment: nothing is lost, nothing happens twice."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from shared.ledger import claims, runs
from shared.ledger.runs import Run, Status
from tests import workflows
from tests.engine import Engine, end, ended, process, until
from tests.forked import Forked

Start = Callable[[str], Forked]

pytestmark = pytest.mark.timeout(180)

_TAKEN_OVER_S = 60
"""Four times what it may take on a quiet machine (`benchmarks.recovery` measures it), the start of a
process included."""

_STOPPED_S = 15
"""For a worker that comes back to find that it was missed; `benchmarks.cancel` measures such stops."""


@pytest.fixture
def start(database_url: str, redis_url: str) -> Iterator[Start]:
    """Starts workers and schedulers; what is left of them at the end is killed."""
    started: list[Forked] = []

    def start(role: str) -> Forked:
        started.append(process(role, database_url, redis_url))
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            end(one, signal.SIGKILL)


async def test_runs_of_a_killed_worker_are_taken_up_and_no_effect_is_made_twice(
    engine: Engine, start: Start, tmp_path: Path
) -> None:
    chance = random.Random(7)
    start("scheduler")
    accepted = [await engine.accept(workflows.build_effects, _input(tmp_path, n)) for n in range(12)]
    for _ in range(4):
        worker = start("worker")
        done = await _steps_done(engine, accepted)
        await until(partial(_past, engine, accepted, done + chance.randint(1, 12)))
        end(worker, signal.SIGKILL)
    start("worker")

    await until(lambda: _all_ended(engine, accepted))

    for n, run in enumerate(accepted):
        after = await engine.run(run)
        assert (after.status, after.result) == (Status.SUCCEEDED, {"answers": [str(i) for i in range(6)]})
        story = await engine.events(run)
        assert [event.seq for event in story] == list(range(1, len(story) + 1))
        # Written with the records of the effects.
        notes = [event.data["text"] for event in story if event.type == "note.written"]
        assert notes == [str(i) for i in range(6)]
        made = Counter((tmp_path / str(n)).read_text().split())
        # Between an effect and its record there may be a kill: then it is made again, and finds what it made.
        # The record is what must be there once.
        assert set(made) == {str(i) for i in range(6)}
    async with engine.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*), count(DISTINCT (run_id, key)) FROM effects WHERE status = 'done'"
        )
        assert await cursor.fetchone() == (72, 72)


async def test_a_killed_workers_runs_are_taken_up_by_another(
    engine: Engine, start: Start, tmp_path: Path
) -> None:
    start("scheduler")
    victim = start("worker")
    run = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)})
    await until(lambda: _is(engine, run, Status.RUNNING))
    start("worker")
    end(victim, signal.SIGKILL)
    await until(lambda: _taken_over(engine, run), within_s=_TAKEN_OVER_S)


async def test_a_worker_that_was_paused_and_declared_dead_writes_nothing(
    engine: Engine, start: Start, tmp_path: Path
) -> None:
    start("scheduler")
    paused = start("worker")
    run = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)})
    await until(lambda: _exists(tmp_path / "child"))
    first_child = int((tmp_path / "child").read_text())
    paused.send_signal(signal.SIGSTOP)
    start("worker")
    await until(lambda: _taken_over(engine, run), within_s=_TAKEN_OVER_S)
    token = (await engine.run(run)).claim_token
    seen = (await engine.run(run)).last_event

    paused.send_signal(signal.SIGCONT)

    await until(lambda: _gone(first_child), within_s=_STOPPED_S)
    after = await engine.run(run)
    assert (after.status, after.claim_token) == (Status.RUNNING, token)
    told = [event for event in await engine.events(run) if event.seq > seen and event.type != "step.started"]
    assert told == []
    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")
        assert await cursor.fetchone() == (1,), "the job is its successor's, and goes on"


async def test_a_worker_told_to_stop_hands_its_runs_back(
    engine: Engine, start: Start, tmp_path: Path
) -> None:
    worker = start("worker")
    run = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)})
    await until(lambda: _exists(tmp_path / "child"))
    child = int((tmp_path / "child").read_text())
    assert end(worker, signal.SIGTERM) == 0
    assert not psutil.pid_exists(child)
    start("worker")
    await until(lambda: _taken_over(engine, run), within_s=_TAKEN_OVER_S)


async def test_killed_recovery_is_simply_made_again(engine: Engine, start: Start, tmp_path: Path) -> None:
    victim = start("worker")
    accepted = [await engine.accept(workflows.build_effects, _input(tmp_path, n)) for n in range(6)]
    await until(lambda: _past(engine, accepted, 3))
    end(victim, signal.SIGKILL)
    chance = random.Random(3)
    for _ in range(5):
        recovering = start("scheduler")
        time.sleep(chance.uniform(0.2, 1.5))  # the point of the kill is what is random here
        end(recovering, signal.SIGKILL)
    start("scheduler")
    start("worker")
    await until(lambda: _all_ended(engine, accepted))
    assert {(await engine.run(run)).status for run in accepted} == {Status.SUCCEEDED}


async def test_a_cancel_reaches_a_run_whose_worker_is_dead(
    engine: Engine, start: Start, tmp_path: Path
) -> None:
    victim = start("worker")
    run = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)})
    await until(lambda: _exists(tmp_path / "child"))
    end(victim, signal.SIGKILL)
    async with engine.database.transaction() as tx:
        assert await claims.request_cancel(tx, run.id, by=run.requested_by) is Status.RUNNING
    start("scheduler")
    start("worker")
    await until(lambda: _is(engine, run, Status.CANCELLED), within_s=_TAKEN_OVER_S)


def _input(directory: Path, number: int) -> dict[str, str]:
    return {"directory": str(directory), "name": str(number)}


async def _steps_done(engine: Engine, accepted: list[Run]) -> int:
    async with engine.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM events WHERE type = 'step.finished' AND run_id = ANY(%s)",
            [[run.id for run in accepted]],
        )
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def _past(engine: Engine, accepted: list[Run], steps: int) -> bool:
    return await _steps_done(engine, accepted) >= steps or await _all_ended(engine, accepted)


async def _all_ended(engine: Engine, accepted: list[Run]) -> bool:
    async with engine.database.connection() as connection:
        return all([ended(await runs.get(connection, run.id)) for run in accepted])


async def _is(engine: Engine, run: Run, status: Status) -> bool:
    return (await engine.run(run)).status is status


async def _taken_over(engine: Engine, run: Run) -> bool:
    return any(event.type == "run.taken_over" for event in await engine.events(run))


async def _exists(file: Path) -> bool:
    return file.exists() and bool(file.read_text())


async def _gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)
