"""What claims promise when things happen at once."""

from __future__ import annotations

import asyncio

import pytest

from graph.heart import Heart
from shared.ledger import claims
from shared.ledger.claims import Claim
from shared.ledger.questions import Asked, Choice, Question
from shared.ledger.runs import Status
from tests import workflows
from tests.engine import OWNER, Engine

pytestmark = pytest.mark.timeout(60)


async def test_a_worker_beats_only_for_what_it_holds(engine: Engine) -> None:
    given_up, held = await _claimed(engine, "busy"), await _claimed(engine, "busy")
    heart = Heart(engine.database, worker="busy")
    work = asyncio.create_task(asyncio.Event().wait())
    async with engine.database.connection() as connection:
        await connection.execute("UPDATE runs SET beat_at = now() - interval '1 hour'")
    with heart.holding(held, work):
        beating = asyncio.create_task(heart.beat_for_ever())
        await asyncio.sleep(2)
        beating.cancel()
        await asyncio.wait([beating])
    work.cancel()
    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT id, beat_at > now() - interval '1 minute' FROM runs")
        beats = dict(await cursor.fetchall())
    assert beats == {held.run.id: True, given_up.run.id: False}


async def test_a_cancel_that_meets_a_question_ends_the_run(engine: Engine) -> None:
    claim = await _claimed(engine, "asking")
    async with engine.database.transaction() as tx:
        await claims.request_cancel(tx, claim.run.id, by=OWNER.id)
    question = Question(kind="question", title="Go on?", choices=[Choice(key="yes", label="Yes")], digest="d")
    async with engine.database.transaction() as tx:
        run = await claims.lock_held(tx, claim)
        await claims.let_go_waiting(tx, run, [Asked("i", "t", question)])
    assert (await engine.run(claim.run)).status is Status.CANCELLED


async def _claimed(engine: Engine, worker: str) -> Claim:
    run = await engine.accept(workflows.build_approval)
    async with engine.database.transaction() as tx:
        claim = await claims.claim(tx, run.id, worker=worker)
    assert claim is not None
    return claim
