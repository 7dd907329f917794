"""What goes down is told once, and that it is back is told once, whoever looks and is killed meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.terminal.standing import Standing, picked
from graph.conversation import Feed
from graph.conversation.replies import CommandChoice, Kind
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from infrastructure.machine import Vitals
from scheduler.server_health import Checked, server_health
from shared.database import Database
from shared.ids import UserId
from shared.lease import LeaseLost
from shared.ledger import health, projects, sessions, users
from shared.ledger.health import FAILURES, SUCCESSES, State
from shared.ledger.users import Role
from tests.certificates import HERE, showing
from tests.engine import OWNER, end, until
from tests.integration.scheduler.watch import BEGAN, HEALTH, HELD, RUNNING, Watch
from tests.workflows import build_failing


async def test_a_service_that_stops_answering_is_told_of_once_and_once_when_it_is_back(watch: Watch) -> None:
    await watch.look(SUCCESSES)
    assert (await watch.known()).state is State.UP
    assert await watch.told() == [], "that all is well is no news"

    watch.edge.faults[HEALTH] = "it answers 500"
    assert [one.told for one in await watch.look(FAILURES + 3)] == [0, 0, 1, 0, 0, 0]
    [down] = await watch.told()
    assert down.kind is Kind.NOTICE
    assert re.match(r"hello is down, since .* UTC \(.*\): asked for /healthz, it answers 500\.\n", down.plain)
    assert down.plain.endswith("What it wrote last:\none\ntwo")
    assert down.choices == [CommandChoice(label="Restart", command="/restart hello")]

    del watch.edge.faults[HEALTH]
    assert [one.told for one in await watch.look(SUCCESSES + 2)] == [0, 1, 0, 0]
    [back] = await watch.told()
    assert re.fullmatch(r"hello is up again\. It was down for [\d.]+ s\.", back.plain)
    assert set(watch.edge.asked) == {HEALTH}


async def test_each_server_is_looked_at_by_itself_and_only_for_its_own_services(watch: Watch) -> None:
    watch.edge.seen = Vitals(disk=0.95, disk_free=1, memory=0.5, load=0.5)
    far = replace(watch.edge.world, server="shop-1")
    here, there = await watch.look(), await watch.look(FAILURES, far)
    assert ([one.services for one in here], [one.services for one in there]) == ([1], [0] * FAILURES)

    async with watch.database.transaction() as tx:
        await tx.execute("UPDATE projects SET server = 'shop-1'")
    watch.edge.faults[HEALTH] = "it answers 500"
    assert [one.services for one in await watch.look()] == [0]
    await watch.look(FAILURES, far)

    [full, down] = sorted([one.plain for one in await watch.told()], key=lambda said: "hello" in said)
    assert "shop-1" in full
    assert down.startswith("hello is down")
    async with watch.database.connection() as connection:
        disks = [one for one in await health.of_servers(connection) if one.aspect is health.Aspect.DISK]
    assert {(one.subject, one.state) for one in disks} == {
        ("server:local", None),
        ("server:shop-1", State.DEGRADED),
    }
    assert watch.edge.world.job != far.job


async def test_a_project_with_an_earlier_release_may_be_rolled_back(watch: Watch) -> None:
    await watch.release()
    watch.edge.faults[HEALTH] = "it does not answer (ConnectError)"
    await watch.look(FAILURES)
    [down] = await watch.told()
    assert [choice.command for choice in down.choices if isinstance(choice, CommandChoice)] == [
        "/restart hello",
        "/rollback hello",
    ]


async def test_a_person_at_a_terminal_picks_what_is_offered_to_be_done(watch: Watch) -> None:
    feed, standing = Feed(watch.database, watch.engine.live), Standing()
    await feed.attach("terminal:1", watch.project.session_id)
    watch.edge.faults[HEALTH] = "it answers 500"
    await watch.look(FAILURES)

    [item] = await feed.unread("terminal:1", watch.project.session_id)
    assert item.reply is not None
    standing.take(item.reply)
    choice = picked(standing.offer, "1")

    assert isinstance(choice, CommandChoice)
    assert "is queued: Restart hello" in (await watch.say(choice.command)).plain


@pytest.mark.parametrize("state", [ServiceState.FAILED, ServiceState.ABSENT, ServiceState.STOPPED])
async def test_a_service_whose_processes_do_not_run_is_down(watch: Watch, state: ServiceState) -> None:
    watch.edge.services["hello"] = ServiceStatus(state)
    await watch.look(FAILURES)
    assert (await watch.known()).state is State.DOWN
    assert watch.edge.asked == []


async def test_a_service_that_is_started_again_and_again_is_down(watch: Watch) -> None:
    await watch.look(SUCCESSES)
    for number in range(FAILURES):
        restarted = BEGAN + timedelta(seconds=number + 1)
        watch.edge.services["hello"] = replace(RUNNING, processes_since=restarted)
        await watch.look()
    [down] = await watch.told()
    assert "one of its processes has ended, and was started again" in down.plain


async def test_a_service_that_a_person_has_stopped_is_not_down(watch: Watch) -> None:
    watch.edge.faults[HEALTH] = "it answers 503"
    await watch.look(FAILURES - 1)
    await watch.want("stopped")
    await watch.look(FAILURES)
    await watch.want("running")
    await watch.look(FAILURES - 1)
    assert await watch.told() == []
    del watch.edge.faults[HEALTH]
    await watch.look(SUCCESSES)
    assert await watch.told() == [], "what came up for the first time is not back"


async def test_a_service_that_is_stopped_or_changed_while_it_is_looked_at_is_not_down(watch: Watch) -> None:
    watch.edge.faults[HEALTH] = "it answers 503"
    await watch.look(FAILURES - 1)

    async def change() -> None:
        await watch.finish(await watch.work())

    watch.edge.meanwhile = change
    await watch.look()
    assert await watch.told() == []
    watch.edge.meanwhile = None
    await watch.look(FAILURES - 1)
    assert await watch.told() == [], "what was seen before the change says nothing of what is there now"
    watch.edge.meanwhile = partial(watch.want, "stopped")
    await watch.look()
    assert await watch.told() == []


async def test_a_restart_that_was_asked_for_is_no_fault(watch: Watch) -> None:
    await watch.look(SUCCESSES)
    await watch.finish(await watch.work())
    watch.edge.services["hello"] = replace(RUNNING, processes_since=BEGAN + timedelta(seconds=9))
    await watch.look()
    assert (await watch.known()).finding == ""


async def test_a_service_that_is_being_changed_is_not_down_and_is_counted_anew_after(watch: Watch) -> None:
    watch.edge.faults[HEALTH] = "it does not answer (ConnectError)"
    await watch.look(FAILURES - 1)
    claim = await watch.work()
    await watch.look(FAILURES + 1)
    await watch.finish(claim)
    await watch.look(FAILURES - 1)
    assert await watch.told() == []
    await watch.look()
    assert len(await watch.told()) == 1


async def test_what_was_told_to_be_down_is_told_to_be_back_after_it_was_changed(watch: Watch) -> None:
    watch.edge.faults[HEALTH] = "it does not answer (ConnectError)"
    await watch.look(FAILURES)
    claim = await watch.work()
    await watch.look()
    await watch.finish(claim)
    del watch.edge.faults[HEALTH]
    await watch.look(SUCCESSES)
    down, back = await watch.told()
    assert "hello is down" in down.plain
    assert "hello is up again" in back.plain


async def test_status_says_how_it_is_and_since_when(watch: Watch) -> None:
    await watch.look(SUCCESSES)
    assert re.search(
        r"^health: up since 2\d{3}-.* UTC \(", (await watch.say("/status hello")).plain, re.MULTILINE
    )
    watch.edge.faults[HEALTH] = "it answers 500"
    await watch.look(FAILURES)
    told = (await watch.say("/status hello")).plain
    assert re.search(r"^health: down since .*: asked for /healthz, it answers 500$", told, re.MULTILINE)
    assert re.search(r"^hello .* down ", (await watch.say("/status")).plain, re.MULTILINE)


async def test_a_certificate_that_is_about_to_expire_is_told_of_and_that_it_was_renewed(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now = tmp_path / "certificate.pem", datetime.now(UTC)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    async def look(times: int, *, days: int) -> list[str]:
        async with showing(file, now + timedelta(days=days)) as port:
            watch.edge.services["hello"] = replace(RUNNING, url=f"https://{HERE}:{port}/")
            await watch.look(times)
        return [reply.plain for reply in await watch.told()]

    assert await look(FAILURES, days=30) == []
    expiry = f"{now + timedelta(days=13):%Y-%m-%d}"
    assert await look(FAILURES + 1, days=13) == [
        f"hello should be looked after: its certificate expires on {expiry}."
    ]
    assert "certificate: degraded since" in (await watch.say("/status hello")).plain
    await watch.told()
    assert await look(SUCCESSES, days=20) == [], "it has not been renewed, only looked at by another clock"
    assert await look(SUCCESSES, days=90) == ["The certificate of hello is good again."]
    assert (await watch.known()).state is State.UP


async def test_the_owner_is_told_of_a_full_disk_once_and_where_they_spoke_last(watch: Watch) -> None:
    async with watch.database.transaction() as tx:
        viewer = await users.ensure(tx, UserId("test:v"), name="Vera", role=Role.VIEWER)
        elsewhere = await sessions.ensure(tx, front="test", external_key="v", owner_id=viewer.id)
        for session in (watch.project.session_id, elsewhere.id):
            await sessions.say(tx, session, author="person", body={"text": "hi"}, trace_id="0" * 32)
    watch.edge.seen = Vitals(disk=0.93, disk_free=2_100_000_000, memory=0.5, load=0.5)
    await watch.look(FAILURES + 1)
    [told] = await watch.told()
    assert told.plain.startswith(
        "The server local: its disk is nearly full (93% used, 2.1 GB left). Make room"
    )
    assert "its disk is nearly full" in (await watch.say("/status")).plain
    watch.read += 2

    watch.edge.seen = Vitals(disk=0.87, disk_free=4_000_000_000, memory=0.5, load=0.5)
    await watch.look(SUCCESSES + 1)
    assert await watch.told() == [], "it may be full again in a moment"
    watch.edge.seen = Vitals(disk=0.80, disk_free=4_000_000_000, memory=0.5, load=0.5)
    await watch.look(SUCCESSES + 1)
    [told] = await watch.told()
    assert told.plain.startswith("The server local: its disk has room again, after ")
    async with watch.database.connection() as connection:
        assert len(await sessions.turns_after(connection, elsewhere.id, 0)) == 1


async def test_an_owner_who_has_said_nothing_yet_is_told_as_soon_as_they_have(watch: Watch) -> None:
    watch.edge.seen = Vitals(disk=0.93, disk_free=1, memory=0.5, load=0.5)
    await watch.look(FAILURES)
    async with watch.database.transaction() as tx:
        await sessions.say(
            tx, watch.project.session_id, author="person", body={"text": "hi"}, trace_id="0" * 32
        )
    await watch.look(2)
    assert len(await watch.told()) == 1


async def test_an_outage_where_nobody_is_let_in_any_more_is_told_to_the_owner(watch: Watch) -> None:
    async with watch.database.transaction() as tx:
        mallory = await users.ensure(tx, UserId("test:mallory"), name="Mallory", role=Role.OPERATOR)
        theirs = await sessions.ensure(tx, front="test", external_key="mallory", owner_id=mallory.id)
        for session in (watch.project.session_id, theirs.id):
            await sessions.say(tx, session, author="person", body={"text": "hi"}, trace_id="0" * 32)
        await tx.execute("UPDATE projects SET session_id = %s", [theirs.id])
        await users.let_go(tx, mallory.id)

    watch.edge.faults[HEALTH] = "it answers 500"
    await watch.look(FAILURES + 1)
    watch.edge.faults.clear()
    await watch.look(SUCCESSES)

    assert [one.plain[:13] for one in await watch.told()] == ["hello is down", "hello is up a"]
    async with watch.database.connection() as connection:
        assert len(await sessions.turns_after(connection, theirs.id, 0)) == 1


@pytest.mark.parametrize("put_out", [True, False])
async def test_a_groups_outages_are_told_to_the_owner_once_nobody_hears_them_there_any_more(
    watch: Watch, put_out: bool
) -> None:
    async with watch.database.transaction() as tx:
        await sessions.say(
            tx, watch.project.session_id, author="person", body={"text": "hi"}, trace_id="0" * 32
        )
        team = await sessions.ensure(tx, front="telegram", external_key="-1007:5", owner_id=OWNER.id)
        await tx.execute("UPDATE projects SET session_id = %s", [team.id])
    watch.groups_in_settings = [-1007]
    watch.edge.faults[HEALTH] = "it answers 500"
    await watch.look(FAILURES)
    assert await watch.told() == []

    if put_out:
        async with watch.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO telegram_chats (chat_id, kind, state) VALUES (-1007, 'supergroup', 'gone')"
            )
    else:
        watch.groups_in_settings = []
    watch.edge.faults.clear()
    await watch.look(SUCCESSES)

    assert [one.plain[:14] for one in await watch.told()] == ["hello is up ag"]
    async with watch.database.connection() as connection:
        assert len(await sessions.turns_after(connection, team.id, 0)) == 1


async def test_a_machine_without_a_server_looks_at_nothing(watch: Watch) -> None:
    watch.edge.there, watch.edge.services = False, {}
    assert await watch.look(FAILURES) == [Checked()] * FAILURES


async def test_one_service_that_cannot_be_looked_at_does_not_keep_the_others_from_it(watch: Watch) -> None:
    await watch.engine.project("other")
    async with watch.database.transaction() as tx:
        other = await projects.by_name(tx, "other")
        await projects.set_service(tx, other.id, "running")
    second = Watch(watch.engine, watch.edge, other, watch.run)
    second.run = await watch.engine.accept(build_failing, idempotency_key="other")
    await second.release()
    async with watch.database.transaction() as tx:
        await tx.execute("UPDATE releases SET contract = '{}' WHERE project_id = %s", [watch.project.id])
    watch.edge.services["other"] = RUNNING
    await watch.look(FAILURES)
    async with watch.database.connection() as connection:
        [known] = await health.of_project(connection, other.id)
        [broken] = await health.of_project(connection, watch.project.id)
    assert known.state is State.UP
    assert (broken.state, broken.finding) == (State.DOWN, "it cannot be looked at (ValidationError)")


async def test_what_was_seen_is_as_old_as_the_clock_says_that_dates_the_changes(watch: Watch) -> None:
    async with watch.database.transaction() as tx:
        await tx.execute(
            """
            CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
            RETURN pg_catalog.clock_timestamp() - INTERVAL '1 hour'
            """
        )
    behind = make_conninfo(watch.database.url, options="-c search_path=public,pg_catalog")
    async with Database(behind, connections=4) as database:
        await server_health(database, watch.engine.live, HELD, world=watch.edge.world, groups_in_settings=())

    observed_at = (await watch.known()).observed_at
    assert observed_at is not None
    assert datetime.now(UTC) - observed_at > timedelta(minutes=59)


async def test_who_has_lost_the_lock_says_nothing(watch: Watch) -> None:
    watch.edge.faults[HEALTH] = "it answers 500"
    await watch.look(FAILURES - 1)
    async with watch.database.transaction() as tx:
        await tx.execute("UPDATE leases SET token = 2")
    with pytest.raises(LeaseLost):
        await watch.look()
    assert await watch.told() == []


async def test_two_that_look_at_the_same_moment_tell_it_once(watch: Watch) -> None:
    watch.edge.faults[HEALTH] = "it answers 500"
    await asyncio.gather(*(watch.look(FAILURES) for _ in range(3)))
    assert len(await watch.told()) == 1


BEFORE_THE_MESSAGE = "SELECT FROM sessions FOR UPDATE"
AFTER_THE_MESSAGE = "SELECT pg_advisory_xact_lock(1)"
"""What makes whoever has something to say wait there."""

WAIT_AFTER_THE_MESSAGE = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(1);
        RETURN NEW;
    END $$;
    CREATE TRIGGER wait BEFORE UPDATE ON health FOR EACH ROW
        WHEN (NEW.told IS DISTINCT FROM OLD.told) EXECUTE FUNCTION wait()
    """


@pytest.mark.timeout(90)
@pytest.mark.parametrize("barred_by", [BEFORE_THE_MESSAGE, AFTER_THE_MESSAGE], ids=["before", "after"])
async def test_replicas_of_which_one_is_killed_around_the_message_tell_it_once(
    watch: Watch, database_url: str, redis_url: str, barred_by: str
) -> None:
    async with await psycopg.AsyncConnection.connect(database_url) as barring:
        await barring.execute(WAIT_AFTER_THE_MESSAGE)
        await barring.commit()
        await barring.execute(barred_by)
        with _replica(database_url, redis_url) as one, _replica(database_url, redis_url) as other:
            await until(lambda: _waits(watch.database), within_s=30)
            holder = await _holder(watch.database)
            end(one if one.pid == holder else other)
            await barring.rollback()
            await until(lambda: _is_told(watch), within_s=30)
            assert await _holder(watch.database) in {one.pid, other.pid} - {holder}
            told_at = datetime.now(UTC)
            await until(lambda: _looked_since(watch, told_at), within_s=30)
    assert [reply.plain.partition(",")[0] for reply in await watch.told()] == ["hello is down"]


@contextmanager
def _replica(database_url: str, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    process = subprocess.Popen([sys.executable, "-m", "tests.checkups", "hello"], env=environment)
    try:
        yield process
    finally:
        if process.poll() is None:
            end(process)


async def _waits(database: Database) -> bool:
    """Whether somebody waits for what the test holds."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return await cursor.fetchone() is not None


async def _holder(database: Database) -> int:
    """Return the process that had the lock last."""
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT holder FROM leases WHERE name = 'server_health'")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0].rpartition(":")[2])


async def _is_told(watch: Watch) -> bool:
    return (await watch.known()).told is State.DOWN


async def _looked_since(watch: Watch, then: datetime) -> bool:
    observed_at = (await watch.known()).observed_at
    return observed_at is not None and observed_at > then
