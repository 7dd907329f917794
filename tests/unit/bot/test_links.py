"""Addresses within Telegram."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.links import project_asked, project_link, topic_link


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
