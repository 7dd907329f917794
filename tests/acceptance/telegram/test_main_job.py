"""The whole main job as people have it in Telegram: from a wish to a service that answers."""

from __future__ import annotations

import pytest

from tests.acceptance.telegram.conftest import STRANGER
from tests.acceptance.telegram.printed import check_golden
from tests.acceptance.telegram.waiting import STEP_S, all_sent, answered, asked, live, press, prompted, said
from tests.fakes.telegram import Person, Telegram, Topic
from tests.fakes.telegram.front import Chatlike
from tests.installation import Installation

pytestmark = pytest.mark.timeout(300)


async def test_a_service_is_made_from_a_command(
    running: Installation, telegram: Telegram, ann: Person
) -> None:
    ann.say("/start")
    ann.say("/new web-service hello Says hello")

    press(ann, await asked(telegram, ann, "from web-service?"), "Approve")
    press(ann, await asked(telegram, ann, "Deploy release 1"), "Approve")

    assert "hello" in await live(telegram, ann, "hello")
    await all_sent(running)
    print(conversation := telegram.transcript(ann))
    check_golden("from_a_command", conversation)
    assert telegram.violations == []


async def test_a_service_is_made_from_a_sentence_and_a_rejected_plan_comes_back_changed(
    running: Installation, telegram: Telegram, ann: Person
) -> None:
    ann.say("Create a static site called pages")

    press(ann, await asked(telegram, ann, "from static-site?"), "Change it")
    prompt = await prompted(telegram, ann)
    ann.say("name: leaves", reply_to=prompt)
    press(ann, await asked(telegram, ann, "leaves"), "Approve")
    press(ann, await asked(telegram, ann, "Deploy release 1"), "Approve")

    assert "leaves" in await live(telegram, ann, "leaves")
    await all_sent(running)
    print(conversation := telegram.transcript(ann))
    check_golden("from_a_sentence", conversation)


async def test_in_a_forum_each_project_has_a_topic(
    running: Installation, telegram: Telegram, ann: Person
) -> None:
    forum = telegram.forum("Team", ann)
    ann.say(f"/users add {forum.id}")
    await said(telegram, ann, str(forum.id))

    ann.say("/new static-site pages", chat=forum)
    topic = await telegram.until(lambda: _named(forum.topics, "pages"), timeout=STEP_S)
    press(ann, await asked(telegram, topic, "from static-site?"), "Approve")
    press(ann, await asked(telegram, topic, "Deploy release 1"), "Approve")

    assert "pages" in await live(telegram, topic, "pages")
    await telegram.until(lambda: _says(telegram, forum, "pages", "live"), timeout=STEP_S)
    await all_sent(running)
    print(telegram.transcript(forum))
    conversation = telegram.transcript(topic)
    check_golden("in_a_forum", conversation)


async def test_a_topic_of_a_private_chat_is_a_conversation_of_its_own(
    running: Installation, telegram: Telegram, ann: Person
) -> None:
    topic = ann.topic("Work")
    ann.say("/new static-site pages", topic=topic)
    press(ann, await asked(telegram, topic, "from static-site?"), "Cancel")
    await said(telegram, topic, "is cancelled")

    ann.say("/runs")
    answer = await said(telegram, ann, "Nothing has been started here yet")

    assert answer.topic is None


async def test_two_people_press_one_button_at_once_and_one_of_them_decides(
    running: Installation, telegram: Telegram, ann: Person, ben: Person
) -> None:
    group = telegram.supergroup("Team", ann, ben)
    ann.say(f"/users add {group.id}")
    await said(telegram, ann, str(group.id))
    ben.say("/new static-site pages", chat=group)
    question = await asked(telegram, group, "from static-site?")

    presses = [press(ann, question, "Cancel"), press(ben, question, "Approve")]
    answers = [await answered(telegram, one) for one in presses]

    assert sorted(answer.show_alert for answer in answers) == [False, True]
    await telegram.until(lambda: not question.buttons, timeout=STEP_S)
    who = "Ann" if answers[1].show_alert else "Ben"
    assert who in question.text


async def test_in_a_group_who_rejects_a_plan_is_asked_why_and_the_comment_reaches_the_graph(
    running: Installation, telegram: Telegram, ann: Person, ben: Person
) -> None:
    group = telegram.supergroup("Team", ann, ben)
    ann.say(f"/users add {group.id}")
    await said(telegram, ann, str(group.id))
    ann.say("/new static-site pages", chat=group)

    press(ben, await asked(telegram, group, "from static-site?"), "Change it")
    prompt = await prompted(telegram, group)
    assert (prompt.asks(ben), prompt.asks(ann)) == (True, False)
    ben.say("name: leaves", chat=group, reply_to=prompt)

    press(ann, await asked(telegram, group, "leaves"), "Cancel")
    await said(telegram, group, "is cancelled")
    print(telegram.transcript(group))


async def test_somebody_who_may_only_look_is_told_so_and_only_they_see_it(
    running: Installation, telegram: Telegram, ann: Person
) -> None:
    vera, group = telegram.user(1003, "Vera"), telegram.supergroup("Team", ann)
    ann.say("/users add 1003 viewer Vera")
    ann.say(f"/users add {group.id}")
    await said(telegram, ann, str(group.id))
    vera.join(group)
    ann.say("/new static-site pages", chat=group)
    question = await asked(telegram, group, "from static-site?")
    before = len(telegram.messages(group))

    pressed = press(vera, question, "Approve")
    answer = await answered(telegram, pressed)

    assert answer.show_alert
    assert "owner or operator" in answer.text
    assert len(telegram.messages(group)) == before
    assert question.buttons


async def test_a_stranger_gets_silence_and_leaves_nothing(
    running: Installation, telegram: Telegram, ann: Person
) -> None:
    stranger = telegram.user(STRANGER, "Mallory")
    for text in ("/start", "/new web-service mine", "hello?"):
        stranger.say(text)
    ann.say("/whoami")
    await said(telegram, ann, "owner")

    assert telegram.messages(stranger, by_bot=True) == []
    assert telegram.pending_updates == []
    async with running.ledgers() as tx:
        cursor = await tx.execute(
            "SELECT (SELECT count(*) FROM inbox WHERE user_id LIKE %(id)s), (SELECT count(*) FROM users WHERE id LIKE %(id)s)",
            {"id": f"%{STRANGER}"},
        )
        assert await cursor.fetchone() == (0, 0)


async def test_everything_works_by_webhook(by_webhook: Installation, telegram: Telegram, ann: Person) -> None:
    await telegram.until(lambda: telegram.webhook["url"], timeout=STEP_S)
    ann.say("/new static-site pages")
    press(ann, await asked(telegram, ann, "from static-site?"), "Approve")
    press(ann, await asked(telegram, ann, "Deploy release 1"), "Approve")

    assert "pages" in await live(telegram, ann, "pages")
    assert telegram.calls("getUpdates") == []


def _named(topics: list[Topic], name: str) -> Topic:
    return [topic for topic in topics if name in topic.name][0]  # noqa: RUF015 - an IndexError means "not yet"


def _says(telegram: Telegram, chat: Chatlike, *words: str) -> bool:
    return any(
        all(word in message.text for word in words) for message in telegram.messages(chat, by_bot=True)
    )
