"""What people send is stored once, and what strangers send not at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiogram.types import Update
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import chats, known_topics
from bot.access import Access
from bot.reception import Reception
from shared.database import Database
from shared.ids import UserId
from shared.ledger import groups, users
from shared.ledger.users import Role, User
from tests.receiving import GROUP_ID, GUEST_ID, OWNER_ID, Inbox, group, message, reception, said
from tests.updates import STRANGER_ID, updates


async def test_an_update_is_stored_with_its_person_and_the_session_of_its_place(
    database: Database, inbox: Inbox
) -> None:
    desk = await reception(database)

    await desk.take([said(7, "hello")])

    [row] = await inbox.rows()
    assert (row.external_id, row.external_key, row.user_id) == ("7", "1:0", "telegram:1")
    assert not row.handled
    assert Update.model_validate(row.payload) == said(7, "hello")


async def test_the_same_update_five_times_and_at_once_is_one_row(database: Database, inbox: Inbox) -> None:
    desk = await reception(database)

    await desk.take([said(7), said(7)])
    await asyncio.gather(*(desk.take([said(7)]) for _ in range(3)))

    assert len(await inbox.rows()) == 1


async def test_whoever_handles_is_woken_for_what_is_new_alone(database: Database) -> None:
    woken: list[str] = []
    desk = await reception(database, wake=lambda: woken.append("woken"))

    await desk.take([said(1), said(2)])
    await desk.take([said(1)])
    await desk.take([said(3, person=STRANGER_ID)])

    assert woken == ["woken"]


async def test_the_owner_is_the_first_and_the_others_operate(database: Database) -> None:
    desk = await reception(database)

    await desk.take([said(1, person=GUEST_ID), said(2, person=OWNER_ID)])

    async with database.connection() as connection:
        cursor = await connection.execute("SELECT id, name, role FROM users ORDER BY id")
        assert await cursor.fetchall() == [
            ("telegram:1", "Person 1", "owner"),
            ("telegram:2", "Person 2", "operator"),
        ]


async def test_people_are_called_as_they_call_themselves_unless_an_owner_gave_them_a_name(
    database: Database,
) -> None:
    desk = await reception(database)
    async with database.transaction() as tx:
        await users.let_in(tx, UserId(f"telegram:{GUEST_ID}"), name="Vera", role=Role.VIEWER)
    await desk.take([said(1), said(2, person=GUEST_ID)])

    renamed = {**message(3), "from": {"id": OWNER_ID, "is_bot": False, "first_name": "Olga"}}
    renaming = Update.model_validate({"update_id": 3, "message": renamed})
    await desk.take([renaming, said(4, person=GUEST_ID)])

    async with database.connection() as connection:
        cursor = await connection.execute("SELECT name FROM users ORDER BY id")
        assert await cursor.fetchall() == [("Olga",), ("Vera",)]


async def test_a_topic_in_which_somebody_writes_is_there(database: Database) -> None:
    desk = await reception(database)
    async with database.transaction() as tx:
        await known_topics.gone(tx, GROUP_ID, 5)

    await desk.take([said(1, chat=group(), message_thread_id=5, is_topic_message=True)])

    async with database.connection() as connection:
        topic = await known_topics.get(connection, GROUP_ID, 5)
    assert topic is not None
    assert topic.gone_at is None


async def test_each_topic_is_a_session_and_replies_outside_of_topics_are_not(
    database: Database, inbox: Inbox
) -> None:
    desk = await reception(database)
    in_topic: dict[str, Any] = {
        "chat": group() | {"is_forum": True},
        "message_thread_id": 9,
        "is_topic_message": True,
    }

    await desk.take(
        [
            said(1, **in_topic),
            said(2, chat=group(), message_thread_id=9),
            said(3, message_thread_id=4, is_topic_message=True),
        ]
    )

    assert [row.external_key for row in await inbox.rows()] == ["-5:9", "-5:0", "1:4"]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "😀" * 2000, "‮ltr", "\\u0000"])
async def test_whatever_people_type_can_be_stored(database: Database, inbox: Inbox, text: str) -> None:
    desk = await reception(database)

    await desk.take([_with_text(text), said(2, "next")])

    assert [row.external_id for row in await inbox.rows()] == ["1", "2"]


async def test_an_update_that_the_database_refuses_does_not_spoil_the_others(
    database: Database, inbox: Inbox
) -> None:
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE inbox ADD CHECK (payload -> 'message' ->> 'text' <> 'poison')")
    desk = await reception(database)

    await desk.take([said(1, "before"), said(2, "poison"), said(3, "after", person=GUEST_ID)])

    assert await inbox.texts() == ["before", "after"]


async def test_chats_are_met_with_their_newest_message(database: Database) -> None:
    desk = await reception(database)

    await desk.take([said(1, message_id=12), said(2, message_id=11), said(3, chat=group(), message_id=90)])
    await desk.take([Update.model_validate({"update_id": 4, "edited_message": message(99)})])

    async with database.connection() as connection:
        mine, ours = await chats.get(connection, OWNER_ID), await chats.get(connection, GROUP_ID)
    assert mine is not None
    assert ours is not None
    assert (mine.kind, mine.last_message_id) == ("private", 12)
    assert (ours.kind, ours.title, ours.last_message_id) == ("supergroup", "Group", 90)


@pytest.mark.parametrize("told_in", ["old", "new"])
async def test_a_group_that_moves_is_followed_whoever_moved_it(
    database: Database, inbox: Inbox, told_in: str
) -> None:
    new_id = -1_000_000_000_009
    desk = await reception(database)
    await desk.take([said(1, "before", chat=group())])
    moved: dict[str, Any] = (
        {"chat": group(), "migrate_to_chat_id": new_id}
        if told_in == "old"
        else {"chat": group(new_id), "migrate_from_chat_id": GROUP_ID}
    )

    await desk.take(
        [
            said(2, person=STRANGER_ID, sender_chat=group(), **moved),
            said(3, "after", chat=group(new_id)),
        ]
    )

    assert await inbox.texts() == ["before", "after"]
    assert {row.external_key for row in await inbox.rows()} == {f"{new_id}:0"}


async def test_a_group_that_nobody_let_in_is_not_followed(database: Database, inbox: Inbox) -> None:
    desk = await reception(database)

    await desk.take([said(1, chat=group(-6), migrate_to_chat_id=-1_000_000_000_009)])
    await desk.take([said(2, chat=group(-1_000_000_000_009), migrate_from_chat_id=-6)])

    assert await inbox.count("telegram_chats") == 0
    assert await inbox.rows() == []


async def test_a_group_that_an_owner_lets_in_is_heard_until_it_is_let_go_also_when_it_moves(
    database: Database, inbox: Inbox
) -> None:
    old_id, new_id = -6, -1_000_000_000_009
    access = Access(database, (OWNER_ID,))
    await access.refresh()
    desk = Reception(database, access, wake=lambda: None)
    await desk.take([said(1, "too early", chat=group(old_id)), said(2, "owner")])

    async with database.transaction() as tx:
        await groups.let_in(tx, old_id, by=UserId("telegram:1"))
    await access.refresh()
    await desk.take([said(3, "let in", chat=group(old_id))])
    await desk.take([said(4, chat=group(old_id), migrate_to_chat_id=new_id)])
    await desk.take([said(5, "moved", chat=group(new_id))])
    async with database.transaction() as tx:
        await groups.let_go(tx, new_id)
    await access.refresh()
    await desk.take([said(6, "too late", chat=group(new_id)), said(7, "too late", chat=group(old_id))])

    assert await inbox.texts() == ["owner", "let in", "moved"]


async def test_somebody_who_was_let_in_by_number_gets_their_name_when_they_are_met(
    database: Database,
) -> None:
    async with database.transaction() as tx:
        await users.let_in(tx, UserId("telegram:2"), name="telegram:2", role=Role.VIEWER)
    desk = await reception(database)

    await desk.take([said(1, person=GUEST_ID)])

    async with database.connection() as connection:
        assert await users.get(connection, UserId("telegram:2")) == User(
            UserId("telegram:2"), "Person 2", Role.VIEWER
        )


async def test_somebody_who_is_let_go_is_a_stranger_again(database: Database, inbox: Inbox) -> None:
    access = Access(database, (OWNER_ID, GUEST_ID))
    await access.refresh()
    desk = Reception(database, access, wake=lambda: None)
    await desk.take([said(1, "in", person=GUEST_ID), said(2, "owner")])

    async with database.connection() as connection:
        await connection.execute("UPDATE users SET removed_at = now()")
    await access.refresh()
    await desk.take([said(3, "out", person=GUEST_ID), said(4, "owner still")])

    assert await inbox.texts() == ["in", "owner", "owner still"]


async def test_somebody_who_is_let_in_later_is_heard(database: Database, inbox: Inbox) -> None:
    access = Access(database, (OWNER_ID,))
    await access.refresh()
    desk = Reception(database, access, wake=lambda: None)
    await desk.take([said(1, "too early", person=GUEST_ID)])

    async with database.connection() as connection:
        await connection.execute("INSERT INTO users VALUES ('telegram:2', 'Gus', 'viewer')")
    await access.refresh()
    await desk.take([said(2, "now", person=GUEST_ID)])

    assert await inbox.texts() == ["now"]


def _with_text(text: str) -> Update:
    update = said(1, "to be replaced")
    assert update.message is not None
    return update.model_copy(update={"message": update.message.model_copy(update={"text": text})})


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(updates(people=st.just(STRANGER_ID)), max_size=20))
async def test_strangers_cannot_write_a_row_with_whatever_they_send(
    database: Database, inbox: Inbox, sent: list[Update]
) -> None:
    desk = await reception(database)

    await desk.take([one for one in sent if not _speaks_for_somebody_let_in(one)])

    for table in ("users", "sessions", "inbox", "telegram_chats", "telegram_topics", "outbox"):
        assert await inbox.count(table) == 0


def _speaks_for_somebody_let_in(one: Update) -> bool:
    """Whether Telegram itself says something for a person or a group that is let in, whoever caused it."""
    if one.stopped_message_generation:
        return one.stopped_message_generation.chat.id in {OWNER_ID, GUEST_ID}
    if one.my_chat_member:
        return one.my_chat_member.chat.id == GROUP_ID
    if one.message and (one.message.migrate_to_chat_id or one.message.migrate_from_chat_id):
        return GROUP_ID in {one.message.chat.id, one.message.migrate_from_chat_id}
    return False
