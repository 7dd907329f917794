"""The whole main job as people have it in Telegram: from a wish to a service that answers."""

from __future__ import annotations

import pytest

from tests.acceptance.telegram.printed import check_golden
from tests.acceptance.telegram.waiting import STEP_S, all_sent, asked, live, press, prompted, said
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
    await said(telegram, ann, f"{forum.id} is let in")

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


async def test_what_people_say_send_press_and_reply_comes_by_webhook(
    by_webhook: Installation, telegram: Telegram, ann: Person
) -> None:
    await telegram.until(lambda: telegram.webhook["url"], timeout=STEP_S)
    ann.send_document("notes.md", b"# Notes", "/new static-site pages")
    press(ann, await asked(telegram, ann, "Build pages from static-site?"), "Change it")
    ann.say("name: leaves", reply_to=await prompted(telegram, ann))
    # What follows an approval comes from a worker, and is the same however the press came in.
    press(ann, await asked(telegram, ann, "Build leaves from static-site?"), "Cancel")

    await said(telegram, ann, "is cancelled")
    assert telegram.calls("getUpdates") == []


def _named(topics: list[Topic], name: str) -> Topic:
    return [topic for topic in topics if name in topic.name][0]  # noqa: RUF015 - an IndexError means "not yet"


def _says(telegram: Telegram, chat: Chatlike, *words: str) -> bool:
    return any(
        all(word in message.text for word in words) for message in telegram.messages(chat, by_bot=True)
    )
