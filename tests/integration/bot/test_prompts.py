"""Who is shown a prompt, in the fake Telegram as in the real one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest
from aiogram import Bot
from aiogram.types import ForceReply

from bot.outgoing import Outgoing, Words
from bot.rendering import Addressee, render
from graph.conversation.replies import Awaited, Reply
from shared.database import Database
from shared.ids import ApprovalId, UserId
from tests.fakes.telegram import FakeTelegram, Group, Message, Person
from tests.sending import speaking

APPROVAL = ApprovalId(UUID(int=1))
PROMPT = Reply.saying("Change it: what should be different?").model_copy(
    update={
        "awaited": Awaited(approval_id=APPROVAL, key="reject", user_id=UserId("telegram:1")),
        "approval_id": APPROVAL,
    }
)


@pytest.fixture
def ann(telegram: FakeTelegram) -> Person:
    return telegram.user(1, "Ann")


@pytest.fixture
def bob(telegram: FakeTelegram) -> Person:
    return telegram.user(2, "Bob")


@pytest.fixture
def group(telegram: FakeTelegram, ann: Person, bob: Person) -> Group:
    return telegram.supergroup("Team", ann, bob)


async def test_a_selective_prompt_in_a_group_asks_only_who_is_addressed(
    telegram: FakeTelegram, bot: Bot, ann: Person, bob: Person, group: Group
) -> None:
    said = ann.say("hello", chat=group)
    selective = ForceReply(selective=True)
    nobody = await bot.send_message(group.id, "Why?", reply_markup=selective)
    everybody = await bot.send_message(group.id, "Why?", reply_markup=ForceReply())
    answered = await bot.send_message(group.id, "Why?", reply_markup=selective, reply_to_message_id=said.id)

    asked = [
        [person.id for person in (ann, bob) if Message(telegram, group.id, one.message_id).asks(person)]
        for one in (nobody, everybody, answered)
    ]

    assert asked == [[], [ann.id, bob.id], [ann.id]]


async def test_a_comment_in_a_group_is_asked_of_who_pressed_the_button(
    database: Database, telegram: FakeTelegram, ann: Person, bob: Person, group: Group
) -> None:
    prompt = await _sent(
        database, telegram, group, render(PROMPT, to=Addressee(user_id=ann.id, name="Ann", message_id=None))
    )

    assert prompt.asks(ann)
    assert not prompt.asks(bob)
    assert prompt.text.startswith("Ann, ")
    assert "eply to this message" in prompt.text


async def test_a_comment_in_a_private_chat_is_asked_for(
    database: Database, telegram: FakeTelegram, ann: Person
) -> None:
    ann.say("hello")
    prompt = await _sent(database, telegram, ann, render(PROMPT))

    assert prompt.asks(ann)


async def _sent(
    database: Database, telegram: FakeTelegram, chat: Person | Group, contents: Sequence[Outgoing]
) -> Message:
    """Send what is a single message, and return it as it stands."""
    (words,) = contents
    assert isinstance(words, Words)
    async with speaking(database, telegram) as speaker:
        await speaker.settled(await speaker.put(chat, words))
    return telegram.last(chat)
