"""An answer that only looks is told in the transaction that gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot import texts
from bot.access import user_id
from bot.answering import Answering
from bot.arrived import Arrived
from bot.notifier import Notifier
from bot.outbox import Row, RowStatus
from bot.outgoing import Words
from bot.places import READER, Place
from bot.reservation import Reservation
from graph.conversation import Feed
from graph.conversation.items import answer_item
from graph.conversation.replies import Reply, Table
from shared.database import Database
from shared.ids import SessionId
from shared.ledger import projects, sessions, users
from shared.live import Live
from tests.engine import until
from tests.fakes.telegram import Group, Person
from tests.integration.bot.routers.ears import OWNER, Ears

LOCK = "pg_advisory_xact_lock(1)"
WAIT = f"PERFORM {LOCK};"
"""Have a transaction wait at its commit for the lock of a test."""


async def session_of(ears: Ears, external_key: str) -> SessionId:
    """Return the session of a place."""
    return SessionId(await ears.one("SELECT id FROM sessions WHERE external_key = %s", external_key))


async def greeted(ears: Ears, notifier: Notifier, owner: Person) -> SessionId:
    """Begin a private conversation whose greeting was told, and return its session."""
    owner.say("/start")
    await ears.listen()
    session_id = await session_of(ears, f"{OWNER}:0")
    await notifier.deliver(session_id)
    return session_id


async def turns_told(ears: Ears) -> list[int]:
    """Return the numbers of the turns that stand in the outbox, in the order in which they were written."""
    return [int(row.key.rpartition(":")[2]) for row in await ears.rows() if row.key.startswith("turn:")]


async def test_it_stands_in_the_outbox_before_anybody_looks_for_news(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    await greeted(ears, notifier, owner)

    owner.say("/help")
    await ears.listen()

    assert await turns_told(ears) == [1, 3]
    assert ears.woken[-1] == OWNER


async def test_nothing_is_left_to_tell_then(
    ears: Ears, notifier: Notifier, database: Database, live: Live, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)
    owner.say("/help")
    owner.say("/whoami")
    await ears.listen()

    assert await Feed(database, live).unread(READER, session_id) == []
    await notifier.deliver(session_id)
    assert await turns_told(ears) == [1, 3, 5]


async def test_what_was_said_before_is_told_before(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)
    async with database.transaction() as tx:
        body = {"blocks": [{"type": "text", "text": "The service is back."}], "kind": "notice"}
        await sessions.say(tx, session_id, author="telewright", body=body, trace_id="0" * 32)

    owner.say("/help")
    await ears.listen()
    assert await turns_told(ears) == [1]

    await notifier.deliver(session_id)
    assert await turns_told(ears) == [1, 2, 4]


async def test_what_starts_work_is_left_to_the_notifier(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)

    owner.say("/new web-service hello")
    await ears.listen()

    assert await turns_told(ears) == [1]
    assert ears.delivered[-1] == session_id


async def test_in_a_group_it_replies_to_what_it_answers(
    ears: Ears, notifier: Notifier, owner: Person, group: Group
) -> None:
    owner.say("/projects@telewright_bot", group)
    said = owner.say("/whoami@telewright_bot", group)
    await ears.listen()

    answer = next(row.content for row in reversed(await ears.rows()) if row.key.startswith("turn:"))
    assert isinstance(answer, Words)
    assert answer.reply_to == said.id


async def test_an_answer_that_is_not_committed_leaves_nothing_and_is_told_once_when_it_is(
    ears: Ears, notifier: Notifier, database: Database, live: Live, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)
    owner.say("/help")

    async with _at_commit_of_a_row(
        database, "PERFORM nextval('tries'); RAISE 'shutting down' USING ERRCODE = 'admin_shutdown';"
    ):
        await ears.take()
        await until(lambda: ears.one("SELECT is_called FROM tries"))
        assert await turns_told(ears) == [1]
        assert await _told_up_to(ears, session_id) == 1
    await ears.listen()

    assert await turns_told(ears) == [1, 3]
    assert await _told_up_to(ears, session_id) == 3
    assert await Feed(database, live).unread(READER, session_id) == []


async def test_an_answer_that_cannot_be_rendered_is_left_to_the_notifier_which_says_something_else(
    ears: Ears, notifier: Notifier, database: Database, live: Live, owner: Person, group: Group
) -> None:
    owner.say("/whoami@telewright_bot", group)
    update = (await ears.bot.get_updates(offset=ears.offset))[-1]
    await ears.listen()
    session_id = await session_of(ears, f"{group.id}:0")
    await notifier.deliver(session_id)
    told = await turns_told(ears)
    # In a group a row of projects leads to its first cell, and this one has none.
    reply = Reply(blocks=[Table(columns=["project"], rows=[[]], of_projects=True)])

    async with database.transaction() as tx:
        inbox_id = await ears.one("SELECT max(id) FROM inbox")
        session, user = await sessions.get(tx, session_id), await users.get(tx, user_id(OWNER))
        assert session is not None
        assert user is not None
        seq, at = await sessions.say(
            tx, session_id, author="telewright", body=reply.model_dump(mode="json"), trace_id="0" * 32,
            user_id=user.id, inbox_id=inbox_id,
        )  # fmt: skip
        arrived = Arrived(inbox_id, update, session_id, user, Place(group.id), "0" * 32, at)
        answering = Answering(
            Feed(database, live),
            arrived,
            username="telewright_bot",
            reserve=lambda _: None,
            wake_sender=ears.woken.append,
        )
        item = answer_item(session_id, seq, reply, to=user.id, inbox_id=inbox_id, at=at)
        assert not await answering.tell(tx, session, item)
        assert not answering.told

    assert await turns_told(ears) == told
    await notifier.deliver(session_id)
    assert await turns_told(ears) == [*told, seq]
    assert (await ears.words())[-1] == texts.UNTELLABLE


class Kept:
    """A chat that is kept for an answer, and how it was given back."""

    def __init__(self, ears: Ears) -> None:
        self.given_back: list[tuple[Row | None, bool]] = []
        ears.kept.append(
            Reservation(ears.token, lambda row, committed: self.given_back.append((row, committed)))
        )


async def test_where_the_chat_is_kept_for_it_it_is_sent_as_soon_as_it_is_committed(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    await greeted(ears, notifier, owner)
    await _sent(ears)
    kept = Kept(ears)

    owner.say("/help")
    await ears.listen()

    stored = (await ears.rows())[-1]
    assert stored.key.endswith(":3")
    assert stored.status is RowStatus.SENDING
    assert kept.given_back == [(stored, True)]


async def test_what_it_goes_on_with_is_looked_for(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)
    await _sent(ears)
    async with database.transaction() as tx:
        for number in range(100):
            await projects.create(
                tx,
                name=f"a-project-with-a-name-of-its-own-{number}",
                blueprint="web-service",
                description="",
                owner_id=user_id(OWNER),
                session_id=session_id,
            )
    kept = Kept(ears)
    ears.woken.clear()

    owner.say("/projects")
    await ears.listen()

    first, second = (await ears.rows())[-2:]
    assert second.key == f"{first.key}#1"
    assert kept.given_back == [(first, True)]
    assert second.status is RowStatus.PENDING
    assert ears.woken == [OWNER]


async def test_one_that_is_taken_back_is_not_sent(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    await greeted(ears, notifier, owner)
    await _sent(ears)
    kept = Kept(ears)
    owner.say("/help")

    async with _at_commit_of_a_row(
        database, "PERFORM nextval('tries'); RAISE 'shutting down' USING ERRCODE = 'admin_shutdown';"
    ):
        await ears.take()
        await until(lambda: ears.one("SELECT is_called FROM tries"))
        [(row, committed)] = kept.given_back
    assert row is not None
    assert not committed
    await ears.listen()


async def test_what_is_handled_again_after_it_was_told_is_not_told_twice(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)
    owner.say("/help")
    await ears.listen()
    told = [row.key for row in await ears.rows()]

    async with database.transaction() as tx:
        # As a process leaves it that ends right after its commit.
        await tx.execute("UPDATE inbox SET handled_at = NULL")
    await ears.listen()
    await notifier.deliver(session_id)

    assert [row.key for row in await ears.rows()] == told
    assert await turns_told(ears) == [1, 3]


async def test_while_the_notifier_tells_what_was_before_the_answer_is_left_to_it(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)
    async with database.transaction() as tx:
        body = {"blocks": [{"type": "text", "text": "The service is back."}], "kind": "notice"}
        await sessions.say(tx, session_id, author="telewright", body=body, trace_id="0" * 32)

    async with _at_commit_of_a_row(database, WAIT), asyncio.TaskGroup() as together:
        async with database.transaction() as tx:
            await tx.execute(f"SELECT {LOCK}")
            together.create_task(notifier.deliver(session_id))
            await until(lambda: _is_at_commit(ears), within_s=20)
            owner.say("/help")
            await ears.listen()
        await until(lambda: _is_told_up_to(ears, session_id, 2), within_s=20)

    await notifier.deliver(session_id)
    assert await turns_told(ears) == [1, 2, 4]


async def test_a_notifier_that_looks_while_an_answer_is_told_tells_it_no_second_time(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    session_id = await greeted(ears, notifier, owner)

    async with _at_commit_of_a_row(database, WAIT):
        async with database.transaction() as tx:
            await tx.execute(f"SELECT {LOCK}")
            owner.say("/help")
            await ears.take()
            await until(lambda: _is_at_commit(ears), within_s=20)
            await notifier.deliver(session_id)
            assert await turns_told(ears) == [1]
        await ears.listen()

    await notifier.deliver(session_id)
    assert await turns_told(ears) == [1, 3]
    assert await _told_up_to(ears, session_id) == 3


async def _sent(ears: Ears) -> None:
    """Have everything sent so far, as the sender would."""
    await ears.one("UPDATE outbox SET status = 'sent', sent_revision = revision RETURNING 1")


@asynccontextmanager
async def _at_commit_of_a_row(database: Database, does: str) -> AsyncIterator[None]:
    """Let something happen when a transaction is committed that has written into the outbox."""
    async with database.connection() as connection:
        await connection.execute(
            f"""
            CREATE SEQUENCE tries;
            CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                {does}
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION at_commit();
            """
        )
    try:
        yield
    finally:
        async with database.connection() as connection:
            await connection.execute("DROP TRIGGER at_commit ON outbox")


async def _told_up_to(ears: Ears, session_id: SessionId) -> int:
    """Return the number of the last turn that needs no telling any more."""
    return int(
        await ears.one(
            "SELECT position FROM cursors WHERE reader = %s AND stream = %s", READER, f"session:{session_id}"
        )
    )


async def _is_told_up_to(ears: Ears, session_id: SessionId, number: int) -> bool:
    return await _told_up_to(ears, session_id) == number


async def _is_at_commit(ears: Ears) -> bool:
    """Whether a transaction waits there for the test."""
    waiting = await ears.one(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    )
    return bool(waiting)
