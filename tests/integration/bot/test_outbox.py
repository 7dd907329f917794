"""The outbox and what is known of chats, in the database alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiogram.types import Chat as TelegramChat

from bot import chats, known_topics, outbox
from bot.chats import ChatKind, ChatState
from bot.outbox import Row, RowStatus
from bot.outgoing import Button, Outgoing, Toast, Words
from bot.places import Place
from graph.conversation.replies import CommandChoice, DecisionChoice
from shared.database import Connection, Database
from shared.ids import ApprovalId

HERE = Place(7)
APPROVAL = ApprovalId(uuid4())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, connections=5) as database:
        yield database


def question(*keys: str) -> Words:
    """A question with a button for each way to decide it."""
    choices = [DecisionChoice(label=key.title(), approval_id=APPROVAL, key=key) for key in keys]
    return Words(text="Shall I?", buttons=[[Button(text=one.label, choice=one)] for one in choices])


async def put(database: Database, key: str, content: Outgoing | str, place: Place = HERE) -> None:
    async with database.transaction() as tx:
        content = Words(text=content) if isinstance(content, str) else content
        await outbox.put(
            tx, key=key, place=place, content=content, solicited=True, approval_id=APPROVAL, run_number=3
        )


async def stand(database: Database, key: str, content: Outgoing | str, place: Place = HERE) -> bool:
    async with database.transaction() as tx:
        content = Words(text=content) if isinstance(content, str) else content
        return await outbox.stand(tx, key=key, place=place, content=content, solicited=False)


async def row_of(database: Database, key: str) -> Row:
    async with database.connection() as connection:
        row = await outbox.of_key(connection, key)
    assert row is not None
    return row


async def ask(tx: Connection, approval_id: ApprovalId, status: str) -> None:
    """Have a run ask something."""
    await tx.execute(
        """
        WITH person AS (
            INSERT INTO users (id, name, role) VALUES (%(name)s, 'Ann', 'owner') RETURNING id
        ), session AS (
            INSERT INTO sessions (front, external_key, owner_id)
            SELECT 'telegram', %(name)s, id FROM person RETURNING id
        ), workflow AS (
            INSERT INTO workflow_versions (workflow, version, kind, definition)
            VALUES (%(name)s, '1', 'python', '{}') RETURNING id
        ), run AS (
            INSERT INTO runs (thread_id, workflow_version_id, session_id, requested_by, title, input,
                              time_limit_s, trace_id)
            SELECT %(name)s, workflow.id, session.id, person.id, 'Build', '{}', 60, 'trace'
              FROM workflow, session, person
            RETURNING id
        )
        INSERT INTO approvals (id, run_id, interrupt_id, task_id, ordinal, question, digest, allowed_roles,
                               status, expires_at)
        SELECT %(id)s, run.id, 'i', 't', 0, '{}', 'd', '{}', %(status)s, now() + interval '1 hour' FROM run
        """,
        {"name": str(approval_id), "id": approval_id, "status": status},
    )


def ids(row: Row) -> list[str]:
    assert isinstance(row.content, Words)
    return [button.id for line in row.content.buttons for button in line]


async def test_a_key_is_written_once_and_its_buttons_mean_what_they_say(database: Database) -> None:
    await put(database, "q", question("approve", "reject"))
    await put(database, "q", question("approve", "reject", "details"))
    row = await row_of(database, "q")
    assert (row.status, row.revision, row.sent_revision, row.run_number) == (RowStatus.PENDING, 1, 0, 3)
    assert all(len(one.encode()) <= 64 for one in ids(row))
    async with database.connection() as connection:
        found = await outbox.choice_of(connection, ids(row)[1])
        assert [one.key for one in await outbox.of_approval(connection, APPROVAL)] == ["q"]
        cursor = await connection.execute("SELECT count(*) FROM outbox_buttons")
        assert await cursor.fetchone() == (2,)
    assert found is not None
    assert found[0] == DecisionChoice(label="Reject", approval_id=APPROVAL, key="reject")


async def test_of_a_question_the_messages_that_another_version_has_written_are_passed_over(
    database: Database,
) -> None:
    await put(database, "new", question("approve"))
    async with database.transaction() as tx:
        await tx.execute("""UPDATE outbox SET content = '{"type": "hologram"}'""")
    await put(database, "ours", question("approve"))
    async with database.connection() as connection:
        assert [one.key for one in await outbox.of_approval(connection, APPROVAL)] == ["ours"]


async def test_what_another_version_has_written_is_nothing_of_ours_until_it_is_written_anew(
    database: Database,
) -> None:
    await put(database, "q", question("approve"))
    [button] = ids(await row_of(database, "q"))
    async with database.transaction() as tx:
        await tx.execute(
            # As it is after a speaker could not read its last change.
            """
            UPDATE outbox SET content = '{"type": "hologram"}', status = 'sent', message_id = 5,
                   sent_revision = 1, revision = 2, due_at = 'infinity'
            """
        )
        assert await outbox.of_key(tx, "q") is None
        assert await outbox.of_message(tx, HERE.chat_id, 5) is None
        assert await outbox.choice_of(tx, button) is None
        assert await outbox.is_there(tx, "q")
        assert not await outbox.is_there(tx, "p")

    assert await stand(database, "q", question("approve"))

    row = await row_of(database, "q")
    assert (row.status, row.message_id, row.revision, row.sent_revision) == (RowStatus.SENT, 5, 3, 1)
    assert row.due_at is not None
    async with database.connection() as connection:
        [fresh] = ids(row)
        found = await outbox.choice_of(connection, fresh)
    assert found is not None
    assert found[1].key == "q"


async def test_what_was_put_aside_waits_on_where_the_chat_is_closed(database: Database) -> None:
    await put(database, "q", question("approve"))
    async with database.transaction() as tx:
        await tx.execute("""UPDATE outbox SET content = '{"type": "hologram"}'""")
        await chats.blocked(tx, HERE.chat_id, "the bot may not write there")

    assert await stand(database, "q", question("approve"))

    assert (await row_of(database, "q")).due_at is None


async def test_a_button_that_another_version_has_written_means_nothing(database: Database) -> None:
    await put(database, "q", question("approve"))
    [button] = ids(await row_of(database, "q"))
    async with database.transaction() as tx:
        await tx.execute("""UPDATE outbox_buttons SET choice = '{"type": "hologram"}'""")
        assert await outbox.choice_of(tx, button) is None


async def test_what_stands_changes_by_revisions_and_the_same_is_no_change(database: Database) -> None:
    assert await stand(database, "q", question("approve", "reject"))
    before = ids(await row_of(database, "q"))
    assert not await stand(database, "q", question("approve", "reject"))
    assert await stand(database, "q", question("details", "reject"))
    row = await row_of(database, "q")
    assert row.revision == 2
    assert ids(row)[1] == before[1]
    assert ids(row)[0] not in before
    async with database.connection() as connection:
        assert await outbox.choice_of(connection, before[0]) is not None


async def test_many_who_say_what_should_stand_leave_one_row(database: Database) -> None:
    await asyncio.gather(*(stand(database, "progress:1", f"step {n}") for n in range(10)))
    row = await row_of(database, "progress:1")
    assert row.revision == 10
    assert row.is_progress


async def test_text_that_cannot_be_stored_is_stored_all_the_same(database: Database) -> None:
    await put(database, "k", "a\0b\ud800c")
    content = (await row_of(database, "k")).content
    assert isinstance(content, Words)
    assert len(content.text) == 5
    assert not await stand(database, "k", content)


async def test_a_button_of_a_command_keeps_its_words(database: Database) -> None:
    choice = CommandChoice(label="Status", command="/status")
    await put(database, "k", Words(text="x", buttons=[[Button(text="Status", choice=choice)]]))
    async with database.connection() as connection:
        found = await outbox.choice_of(connection, ids(await row_of(database, "k"))[0])
    assert found is not None
    assert found[0] == choice


async def test_a_chat_is_known_by_what_came_from_it(database: Database) -> None:
    forum = TelegramChat(id=-1001234567890, type="supergroup", title="Team", is_forum=True)
    async with database.transaction() as tx:
        await chats.met(tx, [(forum, 10)])
        await chats.met(tx, [(forum, 9)])
        await chats.met(tx, [(TelegramChat(id=7, type="private", first_name="Ann", last_name="Lee"), None)])
        team, ann = await chats.get(tx, forum.id), await chats.get(tx, 7)
    assert team is not None
    assert ann is not None
    assert (team.kind, team.title, team.last_message_id, team.state) == (
        ChatKind.FORUM,
        "Team",
        10,
        ChatState.OPEN,
    )
    assert (ann.kind, ann.title, ann.last_message_id) == (ChatKind.PRIVATE, "Ann Lee", 0)


async def test_a_blocked_chat_keeps_what_matters_until_somebody_writes_there(database: Database) -> None:
    await put(database, "before", "result")
    await put(database, "progress:1", "step")
    async with database.transaction() as tx:
        await chats.blocked(tx, 7, "Forbidden")
    await put(database, "meanwhile", "another")
    await put(database, "toast", Toast(query_id="1"))
    assert (await row_of(database, "progress:1")).status is RowStatus.DROPPED
    assert (await row_of(database, "toast")).status is RowStatus.DROPPED
    assert [(await row_of(database, key)).due_at for key in ("before", "meanwhile")] == [None, None]
    async with database.transaction() as tx:
        person = TelegramChat(id=7, type="private", first_name="Ann")
        await chats.met(tx, [(person, None)])
        chat = await chats.get(tx, 7)
        assert chat is not None
        assert chat.state is ChatState.BLOCKED
        await chats.met(tx, [(person, 12)])
        chat = await chats.get(tx, 7)
        assert chat is not None
        assert chat.state is ChatState.OPEN
    assert all([(await row_of(database, key)).due_at for key in ("before", "meanwhile")])


async def test_a_chat_that_opens_late_gets_news_and_questions_but_no_answers_from_long_ago(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await ask(tx, APPROVAL, "pending")
        await chats.blocked(tx, 7, "Forbidden")
        for key, solicited in {"answer": True, "late answer": True, "result": False}.items():
            await outbox.put(tx, key=key, place=HERE, content=Words(text=key), solicited=solicited)
    await put(database, "question", question("approve"))
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE outbox SET created_at = now() - interval '61 minutes' WHERE key <> 'late answer'"
        )
        await chats.opened(tx, 7)

    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT key FROM outbox WHERE status = 'pending' AND due_at <= now()"
        )
        waiting = {key for (key,) in await cursor.fetchall()}
    assert waiting == {"late answer", "result", "question"}


async def test_progress_that_was_dropped_comes_back_when_the_chat_is_open_again(database: Database) -> None:
    await stand(database, "progress:1", "step 1")
    async with database.transaction() as tx:
        await chats.blocked(tx, 7, "Forbidden")
    await stand(database, "progress:1", "step 2")
    assert (await row_of(database, "progress:1")).status is RowStatus.DROPPED
    async with database.transaction() as tx:
        await chats.opened(tx, 7)
    await stand(database, "progress:1", "step 3")
    row = await row_of(database, "progress:1")
    assert row.status is RowStatus.PENDING
    assert row.due_at is not None


async def test_what_is_said_to_the_old_id_of_a_chat_goes_to_the_new_one(database: Database) -> None:
    await put(database, "before", "one", Place(-5, 3))
    async with database.transaction() as tx:
        await chats.moved(tx, -5, -1000000000005)
        await chats.moved(tx, -5, -1000000000005)
    await put(database, "after", "two", Place(-5, 3))
    assert [(await row_of(database, key)).place for key in ("before", "after")] == [Place(-1000000000005)] * 2


async def test_a_question_that_is_open_is_put_anew_where_its_group_has_moved(database: Database) -> None:
    decided = ApprovalId(uuid4())
    async with database.transaction() as tx:
        await ask(tx, APPROVAL, "pending")
        await ask(tx, decided, "withdrawn")
        for key, approval_id in (("open", APPROVAL), ("over", decided)):
            await outbox.put(
                tx,
                key=key,
                place=Place(-5),
                content=question("yes"),
                solicited=False,
                approval_id=approval_id,
            )
        await tx.execute("UPDATE outbox SET status = 'sent', sent_revision = 1, message_id = id")
        await chats.moved(tx, -5, -1000000000005)
    rows = [await row_of(database, key) for key in ("open", "over")]
    assert [(row.status, row.sent_revision) for row in rows] == [(RowStatus.PENDING, 0), (RowStatus.SENT, 1)]


async def test_a_topic_is_opened_once_for_a_thing_and_gives_way_when_it_is_gone(database: Database) -> None:
    await put(database, "before", "one", Place(-5, 3))
    async with database.transaction() as tx:
        await known_topics.opened(tx, -5, 3, name="work", opened_for="update:1")
        await known_topics.opened(tx, -5, 3, name="work, renamed")
        topic = await known_topics.opened_for(tx, "update:1")
        assert topic is not None
        assert (topic.thread_id, topic.name, topic.gone_at) == (3, "work, renamed", None)
        await known_topics.gone(tx, -5, 3)
    await put(database, "after", "two", Place(-5, 3))
    assert [(await row_of(database, key)).place for key in ("before", "after")] == [Place(-5)] * 2
