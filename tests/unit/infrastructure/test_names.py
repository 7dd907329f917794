"""What a project may be called, and what is said about what it may not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.blueprints import BadName, project_name
from infrastructure.blueprints.names import RESERVED


@pytest.mark.parametrize("name", ["abc", "hello", "a1-b2-c3", "x" * 40, "my-bot"])
def test_a_name_that_follows_the_rule_is_kept(name: str) -> None:
    assert project_name(name) == name


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("Hello", "hello"),
        ("hello world", "hello-world"),
        ("../../etc", "etc"),
        ("my--bot", "my-bot"),
        ("-bot-", "bot"),
        ("7wonders", "wonders"),
        ("Café Müller", "cafe-muller"),
        ("🦊 fox 🦊", "fox"),
        ("x" * 41, "x" * 40),
        ("www", "my-www"),
        ("hello\n", "hello"),
        ("<b>bold</b>", "b-bold-b"),
    ],
)
def test_a_name_that_almost_does_comes_with_a_suggestion(text: str, suggestion: str) -> None:
    with pytest.raises(BadName) as error:
        project_name(text)

    assert error.value.message.endswith(f"Try {suggestion}.")


@pytest.mark.parametrize("text", ["", "  ", "🦊", "שלום", "ab", "--", "\u202e", "\ud800", "…"])
def test_a_name_of_which_nothing_can_be_kept_comes_without_one(text: str) -> None:
    with pytest.raises(BadName) as error:
        project_name(text)

    assert "Try" not in error.value.message


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused(name: str) -> None:
    with pytest.raises(BadName, match=r"reserved|3 to 40"):
        project_name(name)


@given(st.text(max_size=300) | st.text("abcXYZ019-_./ ", max_size=60))
def test_every_text_is_a_name_or_explained_in_one_safe_line(text: str) -> None:
    answer = _answer(text)

    if isinstance(answer, BadName):
        assert answer.message.isprintable()
        assert len(answer.message) < 300
        if suggestion := re.search(r"Try (\S+)\.$", answer.message):
            assert project_name(suggestion[1]) == suggestion[1]
    else:
        assert re.fullmatch(r"[a-z][a-z0-9-]{1,38}[a-z0-9]", answer)
        assert "--" not in answer


def _answer(text: str) -> str | BadName:
    try:
        return project_name(text)
    except BadName as error:
        return error
