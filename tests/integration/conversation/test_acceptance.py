"""Accepting work: once for each key, by those who may, in the order of its numbers."""

from __future__ import annotations

import asyncio

import pytest

from graph.acceptance import start_work
from graph.orchestrator.work import Build
from shared.database import Connection
from shared.ledger import sessions
from shared.ledger.runs import Run
from shared.ledger.users import Role, ViewersOnlyLook
from tests.integration.conversation.chat import Chat, Person

pytestmark = pytest.mark.timeout(60)


async def accept(chat: Chat, tx: Connection, person: Person, key: str) -> Run:
    session = await sessions.get(tx, person.session_id)
    assert session is not None
    return await start_work(
        tx,
        Build(blueprint="web-service", name="hello"),
        session=session,
        user=person.user,
        title="Build hello",
        trace_id="a" * 32,
        idempotency_key=key,
    )


async def test_the_same_key_at_the_same_time_is_one_run_and_one_job(chat: Chat, owner: Person) -> None:
    async def once() -> Run:
        async with chat.database.transaction() as tx:
            return await accept(chat, tx, owner, "key")

    accepted = await asyncio.gather(*(once() for _ in range(8)))

    assert len({run.id for run in accepted}) == 1
    assert await chat.count("procrastinate_jobs") == 1
    assert await chat.count("audit") == 1
    assert await chat.count("workflow_versions") == 1


async def test_a_viewer_starts_nothing(chat: Chat) -> None:
    viewer = await chat.person(Role.VIEWER)

    with pytest.raises(ViewersOnlyLook):
        async with chat.database.transaction() as tx:
            await accept(chat, tx, viewer, "key")

    assert await chat.count("runs") == 0


async def test_a_sessions_runs_come_to_light_in_the_order_of_their_numbers(chat: Chat, owner: Person) -> None:
    async def second() -> Run:
        async with chat.database.transaction() as tx:
            return await accept(chat, tx, owner, "second")

    async with chat.database.transaction() as tx:
        # The workflow's version is stored from here on: nobody waits for that.
        await accept(chat, tx, owner, "zeroth")
    async with chat.database.transaction() as tx:
        first = await accept(chat, tx, owner, "first")
        waiting = asyncio.create_task(second())
        async with asyncio.timeout(10):
            while not await chat.count(
                "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            ):
                assert not waiting.done(), "the second run was accepted while the first was not to be seen"

    assert (await waiting).number > first.number
