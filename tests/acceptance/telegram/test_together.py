"""Several people in one place, and several places of one person: in a group, in a forum, in private topics.

Nothing is built here, so that all of it happens in one town, whose chats know nothing of one another.
"""

from __future__ import annotations

from typing import Literal

import pytest

from tests.acceptance.telegram.conftest import STRANGER, Town
from tests.acceptance.telegram.waiting import STEP_S, answered, asked, press, prompted, said
from tests.fakes.telegram import Group, Message, Person, Topic

pytestmark = pytest.mark.timeout(300)

Kind = Literal["group", "forum"]
IN_BOTH = pytest.mark.parametrize("kind", ["group", "forum"])


@IN_BOTH
async def test_two_people_press_one_button_at_once_and_one_of_them_decides(town: Town, kind: Kind) -> None:
    place = await _place(town, kind)
    _, question = await _wish(town, place, town.ben, f"contested-{kind}")

    presses = [press(town.ann, question, "Cancel"), press(town.ben, question, "Approve")]
    answers = [await answered(town.telegram, one) for one in presses]

    assert sorted(answer.show_alert for answer in answers) == [False, True]
    await town.telegram.until(lambda: not question.buttons, timeout=STEP_S)
    who = "Ann" if answers[1].show_alert else "Ben"
    assert who in question.text


@IN_BOTH
async def test_who_rejects_a_plan_is_asked_why_and_the_comment_reaches_the_graph(
    town: Town, kind: Kind
) -> None:
    place = await _place(town, kind)
    where, question = await _wish(town, place, town.ann, f"pages-{kind}")

    press(town.ben, question, "Change it")
    prompt = await prompted(town.telegram, where)
    assert (prompt.asks(town.ben), prompt.asks(town.ann)) == (True, False)
    town.ben.say(f"name: leaves-{kind}", chat=where, reply_to=prompt)

    press(town.ann, await asked(town.telegram, where, f"leaves-{kind}"), "Cancel")
    await said(town.telegram, where, "is cancelled")
    print(town.telegram.transcript(where))


@IN_BOTH
async def test_somebody_who_may_only_look_is_told_so_and_only_they_see_it(town: Town, kind: Kind) -> None:
    place = await _place(town, kind)
    vera = town.telegram.user(1003, "Vera")
    town.ann.say("/users add 1003 viewer Vera")
    vera.join(place)
    where, question = await _wish(town, place, town.ann, f"looked-at-{kind}")
    before = len(town.telegram.messages(where))

    answer = await answered(town.telegram, press(vera, question, "Approve"))

    assert answer.show_alert
    assert "owner or operator" in answer.text
    assert len(town.telegram.messages(where)) == before
    await _cancel(town, where, question)


@IN_BOTH
async def test_a_stranger_among_others_gets_silence_and_changes_nothing(town: Town, kind: Kind) -> None:
    place = await _place(town, kind)
    mallory = town.telegram.user(STRANGER, "Mallory")
    mallory.join(place)
    where, question = await _wish(town, place, town.ann, f"guarded-{kind}")
    topics = len(place.topics)

    mallory.say("/new static-site theirs", chat=place)
    mallory.say("approve", chat=where, reply_to=question)
    pressed = press(mallory, question, "Approve")
    # What comes after it is answered.
    await _cancel(town, where, question)

    assert pressed.answer is None
    assert len(place.topics) == topics
    assert not any("theirs" in message.text for message in town.telegram.messages(place, by_bot=True))
    await _check_nothing_is_stored_of(town, STRANGER)


async def test_a_stranger_in_private_gets_silence_and_leaves_nothing(town: Town) -> None:
    stranger = town.telegram.user(STRANGER, "Mallory")
    for text in ("/start", "/new web-service mine", "hello?"):
        stranger.say(text)
    asked_after = town.ann.say("/whoami")
    await town.telegram.until(
        lambda: [one for one in town.telegram.messages(town.ann, by_bot=True) if one.id > asked_after.id],
        timeout=STEP_S,
        what="the answer to what was asked after the stranger",
    )

    # It is answered before the bot asks for what comes next, which says that it has got this.
    await town.telegram.until(
        lambda: town.telegram.pending_updates == [], timeout=STEP_S, what="all to be taken"
    )
    assert town.telegram.messages(stranger, by_bot=True) == []
    await _check_nothing_is_stored_of(town, STRANGER)


async def test_a_topic_of_a_private_chat_is_a_conversation_of_its_own(town: Town) -> None:
    topic = town.ben.topic("Work")
    town.ben.say("/new static-site private-pages", topic=topic)
    await _cancel(town, topic, await asked(town.telegram, topic, "from static-site?"), by=town.ben)

    town.ben.say("/runs")
    answer = await said(town.telegram, town.ben, "Nothing has been started here yet")

    assert answer.topic is None


async def test_a_topic_that_people_opened_in_a_forum_is_a_conversation_of_its_own(town: Town) -> None:
    forum = await _place(town, "forum")
    work, other = forum.topic("Work", town.ann), forum.topic("Other", town.ann)
    town.ann.say("/new static-site forum-pages", chat=work)
    await _cancel(town, work, await asked(town.telegram, work, "from static-site?"))

    town.ann.say("/runs", chat=other)
    await said(town.telegram, other, "Nothing has been started here yet")

    assert {topic.name for topic in forum.topics} == {"Work", "Other"}


async def _place(town: Town, kind: Kind) -> Group:
    return await (town.forum("Team") if kind == "forum" else town.group("Team"))


async def _wish(town: Town, place: Group, by: Person, name: str) -> tuple[Group | Topic, Message]:
    """Have somebody wish for a project; return where its plan is asked for, and the question."""
    by.say(f"/new static-site {name}", chat=place)
    question = f"Build {name} from static-site?"

    def asked_somewhere() -> tuple[Group | Topic, Message]:
        # In a forum the project has a topic of its own.
        where = next((topic for topic in place.topics if topic.name == name), place)
        message = town.telegram.find(where, question)
        if not message.buttons:
            raise LookupError("it has no buttons")
        return where, message

    return await town.telegram.until(asked_somewhere, timeout=STEP_S, what=question)


async def _cancel(
    town: Town, where: Group | Topic | Person, question: Message, *, by: Person | None = None
) -> None:
    press(by or town.ann, question, "Cancel")
    await said(town.telegram, where, "is cancelled")


async def _check_nothing_is_stored_of(town: Town, stranger: int) -> None:
    async with town.installation.ledgers() as tx:
        cursor = await tx.execute(
            """
            SELECT (SELECT count(*) FROM inbox WHERE user_id LIKE %(id)s),
                   (SELECT count(*) FROM users WHERE id LIKE %(id)s)
            """,
            {"id": f"%{stranger}"},
        )
        assert await cursor.fetchone() == (0, 0)
