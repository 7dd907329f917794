"""The bot is let in, put out, blocked and unblocked."""

from __future__ import annotations

import pytest
from aiogram.types import ChatMemberRestricted, Update

from bot import chats, outbox
from bot.outgoing import Words
from bot.places import Place
from shared.live import Live
from tests.fakes.telegram import Group, Person
from tests.integration.bot.routers.ears import OWNER, STRANGER, Ears
from tests.integration.conversation.chat import Chat, plan_question


async def state(ears: Ears, chat_id: int) -> str:
    return str(await ears.one("SELECT state FROM telegram_chats WHERE chat_id = %s", chat_id))


async def test_a_group_is_welcomed_when_the_bot_comes_in(ears: Ears, group: Group, forum: Group) -> None:
    await ears.listen()

    welcomes = {row.chat_id: row.content.text for row in await ears.rows() if isinstance(row.content, Words)}

    assert "topic of its own" not in welcomes[group.id]
    assert "topic of its own" in welcomes[forum.id]
    assert {group.id, forum.id} <= set(ears.woken)


async def test_what_was_meant_for_somebody_who_blocks_the_bot_waits_for_them(
    ears: Ears, owner: Person
) -> None:
    owner.say("/whoami")
    owner.block_bot()
    await ears.listen()
    async with ears.database.transaction() as tx:
        await outbox.put(tx, key="news", place=Place(OWNER), content=Words(text="Done."), solicited=False)
    blocked, waiting = await state(ears, OWNER), (await ears.row("news")).due_at
    owner.unblock_bot()
    await ears.listen()

    assert (blocked, waiting) == ("blocked", None)
    assert (await state(ears, OWNER), (await ears.row("news")).due_at is None) == ("open", False)
    assert OWNER in ears.woken


@pytest.mark.parametrize(("allowed", "after"), [(True, "open"), (False, "blocked")])
async def test_a_group_in_which_the_bot_may_write_again_is_open(
    ears: Ears, owner: Person, group: Group, allowed: bool, after: str
) -> None:
    await ears.listen()
    async with ears.database.transaction() as tx:
        await chats.blocked(tx, group.id, "not enough rights to send text messages to the chat")
        await outbox.put(tx, key="news", place=Place(group.id), content=Words(text="Done."), solicited=False)
    ears.telegram.enqueue(
        {
            "my_chat_member": {
                "chat": {"id": group.id, "type": "supergroup", "title": "Team"},
                "from": {"id": owner.id, "is_bot": False, "first_name": "Olga"},
                "date": 1,
                "old_chat_member": restricted(ears, may_write=False),
                "new_chat_member": restricted(ears, may_write=allowed),
            }
        }
    )
    await ears.listen()

    assert await state(ears, group.id) == after
    assert ((await ears.row("news")).due_at is not None) == allowed


def restricted(ears: Ears, *, may_write: bool) -> dict[str, object]:
    rights = {
        name: False
        for name, one in ChatMemberRestricted.model_fields.items()
        if one.annotation is bool and one.is_required()
    }
    me = {"id": ears.bot.id, "is_bot": True, "first_name": "Bot", "username": "telewright_bot"}
    return {
        **rights,
        "status": "restricted",
        "user": me,
        "is_member": True,
        "can_send_messages": may_write,
        "until_date": 0,
    }


async def test_a_group_that_puts_the_bot_out_is_gone(ears: Ears, owner: Person, group: Group) -> None:
    await ears.listen()
    me = {"id": ears.bot.id, "is_bot": True, "first_name": "Bot", "username": "telewright_bot"}
    by = {"id": owner.id, "is_bot": False, "first_name": "Olga"}
    ears.telegram.enqueue(
        {
            "my_chat_member": {
                "chat": {"id": group.id, "type": "supergroup", "title": "Team"},
                "from": by,
                "date": 1,
                "old_chat_member": {"status": "member", "user": me},
                "new_chat_member": {"status": "left", "user": me},
            }
        }
    )
    await ears.listen()

    assert await state(ears, group.id) == "gone"


async def test_topics_that_people_open_and_rename_are_known(ears: Ears, owner: Person, forum: Group) -> None:
    topic = forum.topic("hello", owner)
    await ears.listen()
    await ears.bot.edit_forum_topic(forum.id, topic.id, name="hello again")
    edited = {
        "message_id": topic.id + 1,
        "date": 1,
        "chat": {"id": forum.id, "type": "supergroup", "title": "Work", "is_forum": True},
        "from": {"id": owner.id, "is_bot": False, "first_name": "Olga"},
        "message_thread_id": topic.id,
        "is_topic_message": True,
        "forum_topic_edited": {"name": "hello again"},
    }
    ears.telegram.enqueue({"message": edited})
    await ears.listen()

    names = await ears.one("SELECT array_agg(name) FROM telegram_topics WHERE chat_id = %s", forum.id)

    assert names == ["hello again"]


async def test_whoever_lets_the_bot_write_again_need_not_be_let_in(
    ears: Ears, owner: Person, group: Group
) -> None:
    owner.say("/whoami@telewright_bot", group)
    await ears.listen()
    async with ears.database.transaction() as tx:
        await chats.blocked(tx, group.id, "not enough rights to send text messages to the chat")

    ears.telegram.enqueue(
        {
            "my_chat_member": {
                "chat": {"id": group.id, "type": "supergroup", "title": "Team"},
                "from": {"id": STRANGER, "is_bot": False, "first_name": "Somebody's administrator"},
                "date": 1,
                "old_chat_member": restricted(ears, may_write=False),
                "new_chat_member": restricted(ears, may_write=True),
            }
        }
    )
    await ears.listen()

    assert await state(ears, group.id) == "open"
    assert await ears.one("SELECT count(*) FROM users WHERE id = %s", f"telegram:{STRANGER}") == 0


async def test_an_open_question_comes_back_to_a_group_that_takes_the_bot_in_again(
    ears: Ears, live: Live, owner: Person, group: Group
) -> None:
    owner.say("/new@telewright_bot web-service hello", group)
    await ears.listen()
    [run] = await ears.runs(f"{group.id}:0")
    [approval] = await Chat(ears.database, live, ears.conversation).ask(run, plan_question())
    async with ears.database.transaction() as tx:
        await outbox.put(
            tx,
            key="question",
            place=Place(group.id),
            content=Words(text="Build hello?"),
            solicited=False,
            approval_id=approval.id,
        )
        await chats.gone(tx, group.id, "the bot was removed from the group")
    dropped = await ears.row("question")

    owner.say("/whoami@telewright_bot", group)
    await ears.listen()

    assert (dropped.status, (await ears.row("question")).status) == ("dropped", "pending")


async def test_the_owner_is_told_how_to_let_a_group_in(ears: Ears, owner: Person, operator: Person) -> None:
    await ears.listen()

    ears.telegram.supergroup("Elsewhere", operator)
    theirs = ears.telegram.supergroup("New \u202eteam", owner)
    await ears.listen()

    [told] = [row for row in await ears.rows() if row.key.startswith("group:")]
    assert isinstance(told.content, Words)
    assert f"/users add {theirs.id}" in told.content.text
    assert (told.chat_id, await ears.one("SELECT count(*) FROM inbox")) == (OWNER, 2)


async def test_the_owner_is_told_again_when_the_bot_is_put_there_again_or_is_another_one(
    ears: Ears, owner: Person
) -> None:
    await ears.listen()
    team = ears.telegram.supergroup("New team", owner)
    await ears.listen()

    for bot_id, number in ((ears.bot.id, None), (8, 1)):
        me = {"id": bot_id, "is_bot": True, "first_name": "Bot", "username": "telewright_bot"}
        put_there = {
            "chat": {"id": team.id, "type": "supergroup", "title": "New team"},
            "from": {"id": owner.id, "is_bot": False, "first_name": "Olga"},
            "date": 1,
            "old_chat_member": {"status": "left", "user": me},
            "new_chat_member": {"status": "member", "user": me},
        }
        if number is None:
            ears.telegram.enqueue({"my_chat_member": put_there})
            await ears.listen()
        else:
            await ears.reception.take(
                [Update.model_validate({"update_id": number, "my_chat_member": put_there})]
            )

    told = [row for row in await ears.rows() if row.key.startswith("group:")]
    assert [row.chat_id for row in told] == [OWNER] * 3
