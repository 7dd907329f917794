"""A new project of a forum gets a topic of its own."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from bot.identity import recognise
from bot.outgoing import Words
from shared.lease import LeaseLost
from shared.live import Live
from tests.fakes.telegram import FakeTelegram, Group, Person
from tests.integration.bot.routers.ears import OPERATOR, OWNER, Ears, open_ears
from tests.sending import next_token


async def words_of(ears: Ears, chat_id: int) -> list[str]:
    return [
        row.content.text
        for row in await ears.rows()
        if row.chat_id == chat_id and isinstance(row.content, Words) and not row.key.startswith("welcome:")
    ]


async def test_a_wish_in_the_general_topic_is_worked_on_in_a_topic_of_its_own(
    ears: Ears, owner: Person, forum: Group
) -> None:
    owner.say("@telewright_bot create a web service called hello", forum)
    await ears.listen()

    [topic] = forum.topics
    [run] = await ears.runs(f"{forum.id}:{topic.id}")
    [link] = [row for row in await ears.rows() if row.key.startswith("topic:")]

    assert (topic.name, run.title) == ("hello", "Build hello")
    assert (link.chat_id, link.thread_id) == (forum.id, None)
    assert isinstance(link.content, Words)
    assert str(link.content.buttons[0][0].url).endswith(f"/{topic.id}")
    assert await ears.runs(f"{forum.id}:0") == []
    # It is brought there after it is handled.
    there = await ears.one("SELECT id FROM sessions WHERE external_key = %s", f"{forum.id}:{topic.id}")
    await ears.telegram.until(lambda: there in ears.delivered)


async def test_in_a_topic_of_ours_every_text_is_for_us(ears: Ears, owner: Person, forum: Group) -> None:
    owner.say("/new@telewright_bot web-service hello", forum)
    await ears.listen()
    [ours] = forum.topics
    talk = forum.topic("talk", owner)
    owner.say("what is running?", ours)
    owner.say("what is running?", talk)
    await ears.listen()

    assert (await ears.said(f"{forum.id}:{ours.id}"))[1:] == ["what is running?"]
    assert await ears.said(f"{forum.id}:{talk.id}") == []


async def test_the_same_wish_delivered_again_opens_no_second_topic(
    ears: Ears, owner: Person, forum: Group
) -> None:
    message = owner.say("/new@telewright_bot web-service hello", forum)
    assert message.update_id is not None
    await ears.listen()
    ears.telegram.deliver_again(message.update_id, 3)
    await ears.listen()

    assert len(forum.topics) == 1
    assert await ears.one("SELECT count(*) FROM runs") == 1


async def test_what_another_bot_is_told_under_a_number_of_the_first_is_answered_and_gets_its_own_topic(
    ears: Ears, owner: Person, forum: Group
) -> None:
    async with ears.database.transaction() as tx:
        await recognise(tx, 7)
    first = [owner.say("/new@telewright_bot web-service hello", forum), owner.send_voice()]
    await ears.listen()
    async with ears.database.transaction() as tx:
        await recognise(tx, 8)
    second = [owner.say("/new@telewright_bot web-service other", forum), owner.send_voice()]
    numbers = {new.update_id: old.update_id for new, old in zip(second, first, strict=True)}
    updates = await ears.bot.get_updates(offset=ears.offset)
    ears.offset = updates[-1].update_id + 1
    await ears.reception.take(
        [
            one.model_copy(update={"update_id": numbers[one.update_id]})
            for one in updates
            if one.update_id in numbers
        ]
    )
    await ears.listen()

    assert {topic.name for topic in forum.topics} == {"hello", "other"}
    assert len([words for words in await ears.words() if "cannot listen" in words]) == 2


async def test_a_topic_whose_opening_was_not_recorded_is_found_again(
    ears: Ears, owner: Person, forum: Group
) -> None:
    await ears.listen()
    owner.say("/new@telewright_bot web-service hello", forum)
    # A bot that was killed between the call and the record has left this behind, for what comes in next.
    left = await ears.bot.create_forum_topic(forum.id, "hello")
    await ears.one(
        """
        INSERT INTO cursors (reader, stream, position)
        SELECT 'telegram', 'topic:' || (nextval(pg_get_serial_sequence('inbox', 'id')) + 1), 1 RETURNING 1
        """
    )
    await ears.listen()

    [topic] = forum.topics
    assert topic.id == left.message_thread_id
    assert len(await ears.runs(f"{forum.id}:{topic.id}")) == 1


async def test_a_speaker_that_was_replaced_opens_no_topic_and_its_successor_does(
    ears: Ears, owner: Person, forum: Group, telegram: FakeTelegram, live: Live, tmp_path: Path
) -> None:
    async def hear_too_late() -> None:
        async with open_ears(telegram, ears.database, live, tmp_path, forum.id) as paused:
            async with ears.database.transaction() as tx:
                await next_token(tx)
            owner.say("/new@telewright_bot web-service hello", forum)
            await paused.listen()

    with pytest.raises(ExceptionGroup) as ended:
        await hear_too_late()
    assert ended.value.subgroup(LeaseLost) is not None
    assert forum.topics == []

    async with open_ears(telegram, ears.database, live, tmp_path, forum.id) as following:
        await following.listen()
    [topic] = forum.topics
    assert len(await ears.runs(f"{forum.id}:{topic.id}")) == 1


async def test_without_the_right_to_open_topics_it_goes_on_where_it_is_and_says_so_once(
    ears: Ears, owner: Person, forum: Group
) -> None:
    ears.telegram.fail("createForumTopic", None, status=400, description="Bad Request: not enough rights")
    owner.say("/new@telewright_bot web-service one", forum)
    owner.say("/new@telewright_bot web-service two", forum)
    await ears.listen()

    assert len(await ears.runs(f"{forum.id}:0")) == 2
    assert len(await words_of(ears, forum.id)) == 1


async def test_another_bot_says_anew_how_one_speaks_to_it_and_what_it_may_not(
    ears: Ears, owner: Person, forum: Group, live: Live, tmp_path: Path
) -> None:
    async def be_asked(bot: Ears, who: Person, where: Group) -> None:
        async with bot.database.transaction() as tx:
            await recognise(tx, bot.bot.id)
        bot.telegram.fail("createForumTopic", None, status=400, description="Bad Request: not enough rights")
        who.say("/new@telewright_bot web-service one", where)
        await bot.listen()

    await be_asked(ears, owner, forum)
    async with (
        FakeTelegram(token=f"8:{secrets.token_hex(16)}") as telegram,
        open_ears(telegram, ears.database, live, tmp_path, forum.id) as other,
    ):
        person = telegram.user(OWNER, "Olga")
        telegram.supergroup("Team", person)
        its_forum = telegram.forum("Work", person)
        await be_asked(other, person, its_forum)

    assert its_forum.id == forum.id
    said = [row.key.partition(":")[0] for row in await ears.rows() if row.chat_id == forum.id]
    assert (said.count("welcome"), said.count("no-topics")) == (2, 2)


async def test_a_busy_server_costs_the_topic_and_not_the_work(
    ears: Ears, owner: Person, forum: Group
) -> None:
    ears.telegram.fail("createForumTopic", 1, retry_after=60)
    owner.say("/new@telewright_bot web-service one", forum)
    await ears.listen()

    assert len(await ears.runs(f"{forum.id}:0")) == 1
    assert await words_of(ears, forum.id) == []


async def test_a_short_pause_that_telegram_asks_for_is_made(ears: Ears, owner: Person, forum: Group) -> None:
    ears.telegram.fail("createForumTopic", 1, retry_after=1)
    owner.say("/new@telewright_bot web-service one", forum)
    await ears.listen()

    assert len(forum.topics) == 1


async def test_who_may_only_look_opens_no_topic(ears: Ears, operator: Person, forum: Group) -> None:
    await ears.one(
        "INSERT INTO users (id, name, role) VALUES (%s, 'Otto', 'viewer') RETURNING 1", f"telegram:{OPERATOR}"
    )
    operator.say("/new@telewright_bot web-service one", forum)
    await ears.listen()

    assert forum.topics == []
    assert await ears.said(f"{forum.id}:0") == ["/new web-service one"]


async def test_a_topic_of_a_private_chat_is_a_session_of_its_own(ears: Ears, owner: Person) -> None:
    topic = owner.topic("second thoughts")
    owner.say("/whoami", topic)
    owner.say("/projects")
    await ears.listen()

    assert await ears.said(f"{owner.id}:{topic.id}") == ["/whoami"]
    assert await ears.said(f"{owner.id}:0") == ["/projects"]
