"""What is over and old goes, in small pieces; what is live, or was not read yet, stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest
from psycopg.types.json import Jsonb

from graph.conversation import Feed
from scheduler.retention import Ages, remove_what_is_over
from shared.ids import RunId
from shared.lease import LeaseLost
from shared.ledger import sessions
from shared.ledger.runs import Run, Status
from shared.locks import HeldLock, redis_lock
from tests import workflows
from tests.engine import Engine, until

AGES = Ages(days=90, checkpoint_days=7, runs=1000, messages=100_000)
CHECKPOINTS = ("checkpoints", "checkpoint_writes", "checkpoint_blobs")


async def test_checkpoints_of_runs_that_ended_long_ago_go_and_those_of_others_stay(engine: Engine) -> None:
    old, fresh, live = [await engine.accept(workflows.build_approval) for _ in range(3)]
    await engine.drain()
    for run in (old, fresh):
        (approval,) = await engine.waiting(run)
        await engine.decide(approval, "yes")
    await engine.drain()
    await _age(engine, old, days=8)
    assert (await engine.run(live)).status is Status.WAITING

    removed = await _remove(engine)

    assert set(removed) == set(CHECKPOINTS)
    for table in CHECKPOINTS:
        assert await _rows(engine, table, old) == 0
        assert await _rows(engine, table, fresh) > 0
        assert await _rows(engine, table, live) > 0
    assert await _remove(engine) == {}
    (approval,) = await engine.waiting(live)
    await engine.decide(approval, "yes")
    await engine.drain()
    assert (await engine.run(live)).status is Status.SUCCEEDED


async def test_only_so_many_ended_runs_keep_their_checkpoints(engine: Engine) -> None:
    runs = [await engine.accept(workflows.build_failing) for _ in range(4)]
    await engine.drain()

    await _remove(engine, replace(AGES, runs=2))

    assert [await _rows(engine, "checkpoints", run) > 0 for run in runs] == [False, False, True, True]


async def test_events_go_when_all_who_read_the_session_have_read_them_and_the_last_one_stays(
    engine: Engine,
) -> None:
    feed = Feed(engine.database, engine.live)
    run = await engine.accept(workflows.build_failing)
    await feed.attach("reader", run.session_id)
    await engine.drain()
    await _age(engine, run, days=91)

    assert "events" not in await _remove(engine)

    while items := await feed.unread("reader", run.session_id):
        for item in items:
            await feed.acknowledge(item)
    assert (await _remove(engine))["events"] > 0
    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT seq FROM events WHERE run_id = %s", [run.id])
        assert await cursor.fetchall() == [((await engine.run(run)).last_event,)]
    assert len(await feed.recent(run.session_id, 5)) == 1


async def test_what_came_in_and_went_out_goes_by_its_age_in_batches(engine: Engine) -> None:
    run = await engine.accept(workflows.build_failing)
    await engine.drain()
    await _fill(engine, run, 25)

    removed = await _remove(engine, replace(AGES, batch=10))

    assert {name: removed[name] for name in ("attachments", "inbox", "outbox", "procrastinate_jobs")} == {
        "attachments": 25,
        "inbox": 25,
        "outbox": 25,
        "procrastinate_jobs": 25,
    }
    async with engine.database.connection() as connection:
        for table, kept in {"inbox": 2, "outbox": 2, "outbox_buttons": 0, "turns": 25}.items():
            cursor = await connection.execute(f"SELECT count(*) FROM {table}")
            assert (table, await cursor.fetchone()) == (table, (kept,))


async def test_of_what_came_in_only_so_much_stays_but_for_that_of_two_days(engine: Engine) -> None:
    run = await engine.accept(workflows.build_failing)
    await engine.drain()
    async with engine.database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO inbox (front, external_id, session_id, user_id, payload, trace_id, handled_at)
            SELECT 'counted', days, sessions.id, owner_id, '{}', '', now() - make_interval(days => days)
              FROM generate_series(0, 6) AS days, sessions WHERE sessions.id = %s
            """,
            [run.session_id],
        )

    async def stays(*, of: int) -> list[str]:
        await _remove(engine, replace(AGES, messages=of))
        async with engine.database.connection() as connection:
            cursor = await connection.execute(
                "SELECT external_id FROM inbox WHERE front = 'counted' ORDER BY external_id"
            )
            return [row[0] for row in await cursor.fetchall()]

    assert await stays(of=1000) == ["0", "1", "2", "3", "4", "5", "6"]
    assert await stays(of=4) == ["0", "1", "2", "3"]
    assert await stays(of=0) == ["0", "1"]


async def test_what_was_noted_of_a_button_and_a_message_goes_with_them(engine: Engine) -> None:
    run = await engine.accept(workflows.build_failing)
    await engine.drain()
    await _fill(engine, run, 2)
    async with engine.database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO cursors (reader, stream, position)
            SELECT 'telegram', 'pressed:' || id, 1 FROM outbox_buttons
             UNION ALL SELECT 'telegram', 'topic:' || id, 1 FROM inbox
             UNION ALL VALUES ('telegram', 'pressed:another', 1)
            """
        )

    await _remove(engine)

    async with engine.database.connection() as connection:
        cursor = await connection.execute(
            "SELECT stream FROM cursors WHERE stream LIKE 'pressed:%' OR stream LIKE 'topic:%' ORDER BY stream"
        )
        kept = [stream for (stream,) in await cursor.fetchall()]
        cursor = await connection.execute("SELECT 'topic:' || id FROM inbox ORDER BY 1")
        assert kept == ["pressed:another", *[stream for (stream,) in await cursor.fetchall()]]


async def test_what_waited_for_a_chat_to_open_goes_by_its_age_but_for_open_questions(engine: Engine) -> None:
    run = await engine.accept(workflows.build_approval)
    await engine.drain()
    (approval,) = await engine.waiting(run)
    async with engine.database.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO outbox (key, chat_id, approval_id, content, solicited, status, due_at, created_at)
            SELECT key, 1, approval_id, '{}', false, 'pending', due_at, now() - age
              FROM (VALUES ('held', NULL, 'infinity'::timestamptz, interval '91 days'),
                           ('held lately', NULL, 'infinity', interval '89 days'),
                           ('asked', %s::uuid, 'infinity', interval '91 days'),
                           ('due', NULL, now(), interval '91 days')) AS waiting (key, approval_id, due_at, age)
            """,
            [approval.id],
        )

    assert (await _remove(engine))["outbox"] == 1

    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT key FROM outbox ORDER BY key")
        assert await cursor.fetchall() == [("asked",), ("due",), ("held lately",)]


async def test_what_an_open_run_was_given_stays_with_the_message_it_came_by(engine: Engine) -> None:
    run = await engine.accept(workflows.build_failing)
    await _fill(engine, run, 3)

    removed = await _remove(engine)

    assert {"attachments", "inbox"}.isdisjoint(removed)


async def test_nothing_is_removed_without_the_lock(engine: Engine) -> None:
    run = await engine.accept(workflows.build_failing)
    await engine.drain()
    await _age(engine, run, days=100)
    async with redis_lock(engine.live, engine.database, "retention", ttl_s=30) as held:
        pass
    with pytest.raises(LeaseLost):
        await remove_what_is_over(engine.database, AGES, HeldLock("retention", held.token - 1))
    assert await _rows(engine, "checkpoints", run) > 0


async def test_the_main_job_goes_on_beside_it_and_loses_nothing(engine: Engine) -> None:
    old = [await engine.accept(workflows.build_failing) for _ in range(20)]
    await engine.drain()
    for run in old:
        await _age(engine, run, days=100)
    await _fill(engine, old[0], 200)
    # Somebody holds on to rows that are to go: they are passed over.
    async with engine.database.transaction() as other:
        await other.execute("SELECT FROM inbox WHERE id <= 5 FOR UPDATE")
        removing = asyncio.create_task(_remove(engine, replace(AGES, batch=7)))
        new = [await engine.accept(workflows.build_approval) for _ in range(5)]
        await engine.drain()
        removed = await asyncio.wait_for(removing, 60)

    assert removed["inbox"] == 195
    for run in new:
        (approval,) = await engine.waiting(run)
        await engine.decide(approval, "yes")
    await engine.drain()
    for run in new:
        assert (await engine.run(run)).status is Status.SUCCEEDED
        story = await engine.events(run)
        assert [event.seq for event in story] == list(range(1, len(story) + 1))
    await until(partial(_nothing_left, engine, old[0].id))


async def _remove(engine: Engine, ages: Ages = AGES) -> dict[str, int]:
    async with redis_lock(engine.live, engine.database, "retention", ttl_s=30) as held:
        return await remove_what_is_over(engine.database, ages, held)


async def _age(engine: Engine, run: Run, *, days: int) -> None:
    async with engine.database.transaction() as tx:
        await tx.execute(
            "UPDATE runs SET ended_at = ended_at - make_interval(days => %s) WHERE id = %s", [days, run.id]
        )


async def _rows(engine: Engine, table: str, run: Run) -> int:
    async with engine.database.connection() as connection:
        cursor = await connection.execute(
            f"SELECT count(*) FROM {table} WHERE thread_id = %s", [run.thread_id]
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _fill(engine: Engine, run: Run, number: int) -> None:
    """Have messages, their turns and files, what was sent and failed jobs, all old; and two that must stay."""
    async with engine.database.transaction() as tx:
        session = await sessions.get(tx, run.session_id)
        assert session is not None
        of = {
            "n": number,
            "session": session.id,
            "user": session.owner_id,
            "run": run.id,
            "number": run.number,
            "words": Jsonb({}),
        }
        await tx.execute(
            """
            WITH came AS (
                INSERT INTO inbox (front, external_id, session_id, user_id, payload, trace_id, handled_at)
                SELECT 'test', n, %(session)s, %(user)s, %(words)s, '', now() - interval '91 days'
                  FROM generate_series(1, %(n)s) AS n
                RETURNING id
            ), said AS (
                INSERT INTO turns (session_id, seq, author, body, inbox_id, trace_id)
                SELECT %(session)s, id, 'person', %(words)s, id, '' FROM came
            )
            INSERT INTO attachments (session_id, inbox_id, run_id, name, size, sha256, created_at)
            SELECT %(session)s, id, %(run)s, 'a.txt', 1, '', now() - interval '91 days' FROM came
            """,
            of,
        )
        await tx.execute(
            """
            WITH sent AS (
                INSERT INTO outbox (key, chat_id, run_number, content, solicited, status, sent_revision, created_at)
                SELECT n::text, 1, %(number)s, %(words)s, true, 'sent', 1, now() - interval '91 days'
                  FROM generate_series(1, %(n)s) AS n
                RETURNING id
            )
            INSERT INTO outbox_buttons (id, outbox_id, choice) SELECT id::text, id, %(words)s FROM sent
            """,
            of,
        )
        await tx.execute(
            """
            INSERT INTO outbox (key, chat_id, content, solicited, status, sent_revision, created_at)
            VALUES ('overview:1', 1, %(words)s, true, 'sent', 1, now() - interval '91 days'),
                   ('unsent', 1, %(words)s, true, 'pending', 0, now() - interval '91 days')
            """,
            of,
        )
        await tx.execute(
            """
            INSERT INTO inbox (front, external_id, session_id, user_id, payload, trace_id, handled_at)
            VALUES ('test', 'unhandled', %(session)s, %(user)s, %(words)s, '', NULL),
                   ('test', 'fresh', %(session)s, %(user)s, %(words)s, '', now())
            """,
            of,
        )
        await tx.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) "
            "SELECT 'gone', 'gone', 'failed' FROM generate_series(1, %(n)s)",
            of,
        )
        await tx.execute("UPDATE procrastinate_events SET at = now() - interval '91 days'")


async def _nothing_left(engine: Engine, run_id: RunId) -> bool:
    async with engine.database.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM events WHERE run_id = %s", [run_id])
        return await cursor.fetchone() == (1,)
