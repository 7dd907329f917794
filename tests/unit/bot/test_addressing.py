"""What is said to the bot, and what people say to one another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from aiogram.types import (
    Chat,
    ForumTopicCreated,
    Message,
    MessageEntity,
    MessageOriginChannel,
    MessageOriginHiddenUser,
    MessageOriginUser,
    User,
)
from hypothesis import given
from hypothesis import strategies as st

from bot.addressing import Said, addressed, forwarded_from

ME = User(id=7, is_bot=True, first_name="Telewright", username="telewright_bot")
ANN = User(id=1, is_bot=False, first_name="Ann")
NOW = datetime.now(UTC)


def message(text: str | None = "hi", *, private: bool = False, **more: Any) -> Message:  # noqa: ANN401
    chat = Chat(id=1, type="private") if private else Chat(id=-1001, type="supergroup", title="Team")
    return Message(message_id=10, date=NOW, chat=chat, from_user=ANN, text=text, **more)


def mention(text: str, name: str = "@telewright_bot") -> MessageEntity:
    before = text.encode("utf-16-le").find(name.encode("utf-16-le")) // 2
    return MessageEntity(type="mention", offset=before, length=len(name))


def from_us(**more: Any) -> Message:  # noqa: ANN401
    return Message(message_id=5, date=NOW, chat=Chat(id=-1001, type="supergroup"), from_user=ME, **more)


@given(st.text())
def test_in_a_private_chat_everything_is_for_us_except_other_bots_commands(text: str) -> None:
    said = addressed(message(text, private=True), ME, ours=False)

    assert said is not None or (text.lstrip().startswith("/") and "@" in text)


@given(st.text().filter(lambda text: "/" not in text))
def test_in_a_group_talk_is_not_for_us(text: str) -> None:
    assert addressed(message(text), ME, ours=False) is None


@pytest.mark.parametrize("text", ["/stop@telewright_bot hello", "/stop@TELEWRIGHT_BOT hello"])
def test_a_command_with_our_name_is_ours_and_loses_it(text: str) -> None:
    assert addressed(message(text), ME, ours=False) == Said("/stop hello")


@pytest.mark.parametrize("ours", [False, True])
def test_a_command_with_another_name_is_never_ours(ours: bool) -> None:
    assert addressed(message("/stop@other_bot hello"), ME, ours=ours) is None
    assert addressed(message("/stop@other_bot hello", private=True), ME, ours=ours) is None


def test_a_command_without_a_name_is_ours_if_we_know_it_and_doubtful_if_it_changes_something() -> None:
    assert addressed(message("/status hello"), ME, ours=False) == Said("/status hello")
    assert addressed(message("/new web-service x"), ME, ours=False) == Said("/new web-service x")
    assert addressed(message("/remove hello"), ME, ours=False) == Said("/remove hello", doubtful=True)
    assert addressed(message("/ban somebody"), ME, ours=False) is None


@pytest.mark.parametrize(
    ("looks", "changes"), [("/session", "/session reset"), ("/index a", "/index a retry")]
)
def test_a_command_that_looks_is_doubtful_with_a_word_that_changes_something(
    looks: str, changes: str
) -> None:
    assert addressed(message(looks), ME, ours=False) == Said(looks)
    assert addressed(message(changes), ME, ours=False) == Said(changes, doubtful=True)


def test_where_everything_is_for_us_no_command_is_doubtful() -> None:
    assert addressed(message("/remove hello"), ME, ours=True) == Said("/remove hello")
    assert addressed(message("/remove hello", reply_to_message=from_us()), ME, ours=False) == Said(
        "/remove hello"
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@telewright_bot, what is running?", "what is running?"),
        ("@Telewright_Bot what is running?", "what is running?"),
        ("what is running, @telewright_bot?", "what is running?"),
        ("🎉 @telewright_bot hello", "🎉 @telewright_bot hello"),
        ("@telewright_bot", ""),
    ],
)
def test_a_mention_makes_it_ours_and_is_no_part_of_the_sentence(text: str, left: str) -> None:
    name = "@Telewright_Bot" if "@Telewright_Bot" in text else "@telewright_bot"

    assert addressed(message(text, entities=[mention(text, name)]), ME, ours=False) == Said(
        left, by_name=True
    )


def test_a_mention_of_somebody_else_is_not_for_us() -> None:
    text = "@telewright_bot2 hello"

    assert addressed(message(text, entities=[mention(text, "@telewright_bot2")]), ME, ours=False) is None


def test_a_mention_by_our_name_counts_as_well() -> None:
    entity = MessageEntity(type="text_mention", offset=0, length=10, user=ME)

    assert addressed(message("Telewright status", entities=[entity]), ME, ours=False) is not None


def test_a_reply_to_us_is_for_us() -> None:
    assert addressed(message("yes", reply_to_message=from_us()), ME, ours=False) == Said("yes")


def test_a_reply_in_a_plain_group_names_what_it_replies_to_as_its_thread() -> None:
    before = from_us()
    reply = message("yes", reply_to_message=before, message_thread_id=before.message_id)

    assert addressed(reply, ME, ours=False) == Said("yes")


def test_what_is_said_in_a_topic_is_no_reply_to_the_message_that_opened_it() -> None:
    opening = from_us(forum_topic_created=ForumTopicCreated(name="hello", icon_color=7322096))

    assert addressed(message("lunch?", message_thread_id=5, reply_to_message=opening), ME, ours=False) is None


IN_OUR_TOPIC: dict[str, Any] = {"is_topic_message": True, "message_thread_id": 5}


def from_ben(**more: Any) -> Message:  # noqa: ANN401
    ben = User(id=2, is_bot=False, first_name="Ben")
    return Message(message_id=9, date=NOW, chat=Chat(id=-1001, type="supergroup"), from_user=ben, **more)


@pytest.mark.parametrize(
    "more",
    [
        {"text": "ok", "reply_to_message": from_ben(text="Lunch at one?")},
        {"text": "@ben yes"},
        {"text": "yes, as @benjamin says", "entities": [mention("yes, as @benjamin says", "@benjamin")]},
        {"text": "Ben, ok?", "entities": [MessageEntity(type="text_mention", offset=0, length=3, user=ANN)]},
    ],
)
def test_in_a_topic_of_ours_what_is_said_to_a_person_is_not_for_us(more: dict[str, Any]) -> None:
    assert addressed(message(**more, **IN_OUR_TOPIC), ME, ours=True) is None


def test_in_a_topic_of_ours_everything_else_is_for_us() -> None:
    opening = from_ben(forum_topic_created=ForumTopicCreated(name="hello", icon_color=7322096))
    opening = opening.model_copy(update={"message_id": 5})
    named = "@telewright_bot ask @benjamin"

    assert addressed(message("ok", reply_to_message=opening, **IN_OUR_TOPIC), ME, ours=True) == Said("ok")
    assert addressed(message("ok", reply_to_message=from_us(), **IN_OUR_TOPIC), ME, ours=True) == Said("ok")
    assert addressed(
        message(named, entities=[mention(named), mention(named, "@benjamin")], **IN_OUR_TOPIC), ME, ours=True
    ) == Said("ask @benjamin", by_name=True)


def test_alone_with_us_nobody_else_can_be_meant() -> None:
    assert addressed(message("@ben yes", private=True), ME, ours=False) == Said("@ben yes")


def test_a_caption_is_said_like_a_text() -> None:
    assert addressed(message(None, caption="/status@telewright_bot"), ME, ours=False) == Said("/status")
    assert addressed(message(None, private=True), ME, ours=False) == Said("")


def test_forwarded_words_keep_the_name_of_who_wrote_them() -> None:
    channel = Chat(id=-1002, type="channel", title="News")
    origins = {
        "Bob Stone": MessageOriginUser(
            date=NOW, sender_user=User(id=2, is_bot=False, first_name="Bob", last_name="Stone")
        ),
        "Somebody": MessageOriginHiddenUser(date=NOW, sender_user_name="Somebody"),
        "News": MessageOriginChannel(date=NOW, chat=channel, message_id=3),
    }

    assert {name: forwarded_from(message(forward_origin=origin)) for name, origin in origins.items()} == {
        name: name for name in origins
    }
    assert forwarded_from(message()) is None
