"""What people press, and what becomes of it."""

from __future__ import annotations

import uuid

from bot import outbox, presses
from bot.outbox import Row
from bot.outgoing import Button, Toast, Words
from bot.places import Place
from graph.conversation.replies import CommandChoice, DecisionChoice, ReplyChoice
from shared.ids import ApprovalId
from tests.fakes.telegram import Group, Message, Person
from tests.integration.bot.routers.ears import OWNER, Ears
from tests.integration.conversation.chat import Chat, plan_question

PRIVATE = f"{OWNER}:0"


async def shown(ears: Ears, choice: ReplyChoice, place: Place, key: str = "question") -> tuple[Row, Message]:
    """Have a message with one button stand in a chat."""
    content = Words(text="What now?", buttons=[[Button(text="Do it", choice=choice)]])
    async with ears.database.transaction() as tx:
        await outbox.put(tx, key=key, place=place, content=content, solicited=False)
    row = await ears.row(key)
    assert isinstance(row.content, Words)
    sent = await ears.bot.send_message(
        place.chat_id,
        "What now?",
        message_thread_id=place.thread_id,
        reply_markup={  # type: ignore[arg-type]
            "inline_keyboard": [[{"text": "Do it", "callback_data": row.content.buttons[0][0].id}]]
        },
    )
    message = Message(ears.telegram, place.chat_id, sent.message_id)
    await ears.sent(row, message)
    return row, message


async def toasts(ears: Ears) -> list[str]:
    return [row.content.text for row in await ears.rows() if isinstance(row.content, Toast)]


async def met(ears: Ears, person: Person) -> None:
    person.say("/whoami")
    await ears.listen()


async def test_a_command_button_says_its_command(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    _, message = await shown(ears, CommandChoice(label="Projects", command="/projects"), Place(OWNER))
    owner.press(message, "Do it")
    await ears.listen()

    assert await ears.said(PRIVATE) == ["/whoami", "/projects"]


async def test_two_taps_on_what_starts_work_start_it_once(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    _, message = await shown(ears, CommandChoice(label="x", command="/new web-service hello"), Place(OWNER))
    owner.press(message, "Do it")
    owner.press(message, "Do it")
    await ears.listen()

    assert len(await ears.runs(PRIVATE)) == 1
    assert [toast for toast in await toasts(ears) if "pressed already" in toast]


async def test_what_only_looks_may_be_pressed_again(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    _, message = await shown(ears, CommandChoice(label="Projects", command="/projects"), Place(OWNER))
    owner.press(message, "Do it")
    owner.press(message, "Do it")
    await made_old(ears)
    owner.press(message, "Do it")
    await ears.listen()

    assert await ears.said(PRIVATE) == ["/whoami", "/projects", "/projects", "/projects"]


async def test_a_tap_that_was_refused_leaves_the_button_to_who_may(
    ears: Ears, owner: Person, operator: Person, group: Group
) -> None:
    owner.say("/whoami@telewright_bot", group)
    await ears.listen()
    _, message = await shown(ears, CommandChoice(label="x", command="/users add 42"), Place(group.id))
    operator.press(message, "Do it")
    owner.press(message, "Do it")
    await ears.listen()

    turns = await ears.turns(f"{group.id}:0")
    assert "Only an owner may use /users." in turns[-3][1]
    assert "42 is let in" in turns[-1][1]


async def test_an_old_button_changes_nothing_and_says_so(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    _, message = await shown(ears, CommandChoice(label="x", command="/new web-service hello"), Place(OWNER))
    await made_old(ears)
    owner.press(message, "Do it")
    await ears.listen()

    assert "too old" in (await toasts(ears))[0]
    assert await ears.runs(PRIVATE) == []


async def test_a_press_that_is_handled_again_after_a_crash_is_the_same_press(ears: Ears) -> None:
    async with ears.database.transaction() as tx:
        presses_that_count = [await presses.is_first(tx, "button", inbox_id) for inbox_id in (1, 1, 2, 1)]

    assert presses_that_count == [True, True, False, True]


async def made_old(ears: Ears) -> None:
    async with ears.database.transaction() as tx:
        await tx.execute("UPDATE outbox SET created_at = now() - interval '2 days'")


async def test_a_decision_button_decides_once_however_often_it_is_pressed(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    owner.say("/new web-service hello")
    await ears.listen()
    [run] = await ears.runs(PRIVATE)
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    [approval] = await chat.ask(run, plan_question())
    choice = DecisionChoice(label="Approve", approval_id=approval.id, key="approve")
    _, message = await shown(ears, choice, Place(OWNER))
    owner.press(message, "Do it")
    owner.press(message, "Do it")
    await ears.listen()

    decided = await chat.approval(approval)
    answers = [text for author, text in await ears.turns(PRIVATE) if author == "telewright"][-2:]

    assert (decided.status, (decided.answer or {}).get("choice")) == ("decided", "approve")
    assert answers[0].startswith("Noted")
    assert not answers[1].startswith("Noted")


async def test_a_button_that_nobody_knows_explains_itself(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    sent = await ears.bot.send_message(
        OWNER,
        "old",
        reply_markup={"inline_keyboard": [[{"text": "Go", "callback_data": "from-another-life"}]]},  # type: ignore[arg-type]
    )
    owner.press(Message(ears.telegram, OWNER, sent.message_id), "Go")
    await ears.listen()

    [toast] = await toasts(ears)

    assert "do not know this button" in toast
    assert OWNER in ears.woken


async def test_a_button_of_another_chat_does_nothing(ears: Ears, owner: Person, group: Group) -> None:
    await met(ears, owner)
    row, _ = await shown(ears, CommandChoice(label="x", command="/remove hello"), Place(OWNER))
    assert isinstance(row.content, Words)
    sent = await ears.bot.send_message(
        group.id,
        "copied",
        reply_markup={"inline_keyboard": [[{"text": "Go", "callback_data": row.content.buttons[0][0].id}]]},  # type: ignore[arg-type]
    )
    owner.press(Message(ears.telegram, group.id, sent.message_id), "Go")
    await ears.listen()

    assert "another chat" in (await toasts(ears))[0]
    assert await ears.said(f"{group.id}:0") == []


async def test_a_command_button_that_is_not_offered_any_more_says_so(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    _, message = await shown(ears, CommandChoice(label="x", command="/stop hello"), Place(OWNER))
    async with ears.database.transaction() as tx:
        await outbox.stand(
            tx, key="question", place=Place(OWNER), content=Words(text="Stopped."), solicited=False
        )
    owner.press(message, "Do it")
    await ears.listen()

    assert "not offered any more" in (await toasts(ears))[0]
    assert await ears.said(PRIVATE) == ["/whoami"]


async def test_a_button_works_on_a_message_that_telegram_shows_no_longer(
    ears: Ears, owner: Person, forum: Group
) -> None:
    topic = forum.topic("hello", owner)
    owner.say("/whoami@telewright_bot", topic)
    await ears.listen()
    row, message = await shown(
        ears, CommandChoice(label="Projects", command="/projects"), Place(forum.id, topic.id)
    )
    assert isinstance(row.content, Words)
    ears.telegram.enqueue(
        {
            "callback_query": {
                "id": uuid.uuid4().hex,
                "from": {"id": OWNER, "is_bot": False, "first_name": "Olga"},
                "message": {"chat": forum_chat(message), "message_id": message.id, "date": 0},
                "chat_instance": "1",
                "data": row.content.buttons[0][0].id,
            }
        }
    )
    await ears.listen()

    assert await ears.said(f"{forum.id}:{topic.id}") == ["/whoami", "/projects"]


async def test_a_decision_about_something_that_is_not_there_is_answered(ears: Ears, owner: Person) -> None:
    await met(ears, owner)
    choice = DecisionChoice(label="x", approval_id=ApprovalId(uuid.uuid4()), key="approve")
    _, message = await shown(ears, choice, Place(OWNER))
    owner.press(message, "Do it")
    await ears.listen()

    assert (await ears.turns(PRIVATE))[-1][0] == "telewright"


def forum_chat(message: Message) -> dict[str, object]:
    chat: dict[str, object] = message.raw["chat"]
    return chat
