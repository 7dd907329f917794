import asyncio
from typing import Any

import pytest

from service import about


def test_start_says_what_the_bot_is(conversation: Any) -> None:
    (answer,) = asyncio.run(conversation.say("/start"))

    assert about.NAME in answer
    assert answer.endswith(about.DESCRIPTION) or len(answer) == 4096


def test_help_names_the_commands(conversation: Any) -> None:
    (answer,) = asyncio.run(conversation.say("/help"))

    assert "/start" in answer


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hello", "1 word"), ("hello there, world", "3 words"), ("<b>x</b> & y", "3 words")],
)
def test_words_are_counted(conversation: Any, text: str, expected: str) -> None:
    assert asyncio.run(conversation.say(text)) == [expected]


def test_an_unknown_command_is_left_alone(conversation: Any) -> None:
    assert asyncio.run(conversation.say("/unknown")) == []
