"""Addresses within Telegram."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.links import leading_to_projects, project_asked, project_link, start_asked, topic_link
from bot.outgoing import Words
from bot.rendering import render
from graph.conversation.replies import Reply, Table


@given(st.from_regex(r"[a-z][a-z0-9-]{1,38}[a-z0-9]", fullmatch=True))
def test_every_project_has_a_link_that_leads_to_it(name: str) -> None:
    link = project_link("telewright_bot", name)

    assert link is not None
    payload = link.removeprefix("https://t.me/telewright_bot?start=")
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", payload)
    assert project_asked(f"/start {payload}") == name


@pytest.mark.parametrize("name", ["a" * 60, "naïve", "a b", ""])
def test_a_name_that_an_address_cannot_carry_has_no_link(name: str) -> None:
    link = project_link("telewright_bot", name)

    assert link is None or project_asked(f"/start {link.partition('=')[2]}") is None


@pytest.mark.parametrize(
    "text", ["/start", "/start hello", "/start project-", "/start project-a b", "/status project-a"]
)
def test_what_follows_no_such_link_asks_for_no_project(text: str) -> None:
    assert project_asked(text) is None


def test_a_topic_has_an_address_only_in_a_supergroup() -> None:
    assert topic_link(-1001234567890, 55) == "https://t.me/c/1234567890/55"
    assert topic_link(-42, 55) is None
    assert topic_link(42, 55) is None


def test_a_table_of_projects_leads_to_each_ones_status_in_private() -> None:
    reply = Reply.saying(
        "There are 2 projects.",
        Table(columns=["project", "state"], rows=[["hello", "live"], ["naïve", ""]], of_projects=True),
    )

    [words] = render(leading_to_projects(reply, "telewright_bot"))

    assert isinstance(words, Words)
    assert [entity.url for entity in words.entities if entity.url] == [
        "https://t.me/telewright_bot?start=project-hello"
    ]
    assert words.rich is not None
    assert "start=project-hello" in words.rich.model_dump_json()


def test_a_table_of_something_else_leads_nowhere() -> None:
    reply = Reply.saying("Who is let in:", Table(columns=["name"], rows=[["hello"]]))

    assert leading_to_projects(reply, "telewright_bot") == reply


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("/start hello", "hello"),
        ("/start@telewright_bot hello", "hello"),
        ("/start", None),
        ("start hello", None),
    ],
)
def test_what_a_link_may_say_is_known(text: str, payload: str | None) -> None:
    assert start_asked(text) == payload
