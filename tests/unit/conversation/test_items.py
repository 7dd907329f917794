"""Rows as things to show, also those that another version has written."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from graph.conversation.items import FeedRow, item_of
from shared.ids import SessionId

SESSION_ID = SessionId(uuid.uuid4())


def turn(author: str, body: dict[str, Any]) -> FeedRow:
    return FeedRow(None, 3, author, None, body, "t", datetime(2026, 1, 1, tzinfo=UTC), None)


@pytest.mark.parametrize("body", [{"blocks": [{"type": "hologram"}]}, {}], ids=["an unknown block", "none"])
def test_what_cannot_be_read_is_a_thing_that_says_so(body: dict[str, Any]) -> None:
    item = item_of("reader", SESSION_ID, turn("telewright", body), None)
    assert item is not None
    assert item.reply is not None
    assert "cannot be read any more" in item.reply.plain
    assert (item.author, item.position) == ("telewright", 3)


def test_what_a_person_said_and_cannot_be_read_is_still_the_persons() -> None:
    item = item_of("reader", SESSION_ID, turn("person", {"text": "hi", "attachments": [{"size": 1}]}), None)
    assert item is not None
    assert (item.author, item.reply) == ("person", None)
    assert "cannot be read any more" in item.text
