"""A heart that cannot tell that it lives stops what it holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from graph.heart import Heart, Stop
from shared.ledger import claims
from shared.ledger.claims import Claim
from shared.ledger.runs import Run, Status
from tests import workflows
from tests.engine import Engine, end, process, until

pytestmark = pytest.mark.timeout(120)


async def test_a_beat_that_hangs_stops_the_runs_when_others_may_take_them_up(engine: Engine) -> None:
    heart = Heart(engine.database, worker="hanging", silence_s=1.5)
    claim = await _claimed(engine, "hanging")
    work = asyncio.create_task(asyncio.Event().wait())
    with heart.holding(claim, work) as holding:
        async with engine.database.transaction() as silence:
            await silence.execute("LOCK TABLE runs IN EXCLUSIVE MODE")
            beating = asyncio.create_task(heart.beat_for_ever())

            await asyncio.wait([work], timeout=10)

            assert work.cancelled()
            assert holding.stopped is Stop.CLAIM_LOST
    beating.cancel()
    await asyncio.wait([beating])


async def test_a_worker_whose_heart_has_stopped_ends(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    worker = process("worker", database_url, redis_url)
    try:
        run = await engine.accept(workflows.build_endless, {"directory": str(tmp_path)})
        await until(lambda: _is_running(engine, run))
        async with engine.database.connection() as connection:
            await connection.execute("ALTER TABLE runs RENAME COLUMN beat_at TO gone")

        assert await asyncio.to_thread(worker.wait, 40) != 0
    finally:
        if worker.poll() is None:
            end(worker)


async def _is_running(engine: Engine, run: Run) -> bool:
    return (await engine.run(run)).status is Status.RUNNING


async def _claimed(engine: Engine, worker: str) -> Claim:
    run = await engine.accept(workflows.build_approval)
    async with engine.database.transaction() as tx:
        claim = await claims.claim(tx, run.id, worker=worker)
    assert claim is not None
    return claim
