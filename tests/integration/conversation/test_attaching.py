"""Files that come with a message belong to the conversation, and to the work that the message starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from graph.conversation import Attachment, Attachments, Feed
from graph.conversation.replies import Table
from shared.ids import RunId
from shared.ledger import attachments
from tests.integration.conversation.chat import Chat, Person

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def plan(tmp_path: Path) -> Attachment:
    return await Attachments(tmp_path).keep("plan.md", b"# Plan\n", media_type="text/markdown")


async def given_to(chat: Chat, run_id: RunId) -> list[str]:
    async with chat.database.connection() as connection:
        return [one.name for one in await attachments.of_run(connection, run_id)]


async def test_a_file_is_shown_in_the_turn_and_in_the_session_and_given_to_the_work(
    chat: Chat, owner: Person, feed: Feed, plan: Attachment
) -> None:
    await feed.attach("bot", owner.session_id)

    reply = await owner.send(text="Create a web service called hello", attachments=(plan,))

    assert "is queued: Build hello. It gets plan.md." in reply.plain
    assert await given_to(chat, (await chat.newest_run(owner)).id) == ["plan.md"]
    [_, said, _] = await feed.unread("bot", owner.session_id)
    assert said.text == "Create a web service called hello [plan.md]"
    shown = await owner.say("/session")
    assert [row[:2] for block in shown.blocks if isinstance(block, Table) for row in block.rows] == [
        ["plan.md", "7 bytes"]
    ]


async def test_a_file_without_words_is_kept_and_nothing_else_happens(
    chat: Chat, owner: Person, plan: Attachment
) -> None:
    reply = await owner.send(attachments=(plan, plan))

    assert reply.plain.startswith("Kept with this conversation: plan.md (7 bytes) and plan.md (7 bytes).")
    assert await chat.count("attachments") == 2
    assert await chat.count("runs") == 0


async def test_the_same_message_again_brings_no_file_twice(
    chat: Chat, owner: Person, plan: Attachment
) -> None:
    for _ in range(2):
        await owner.send(attachments=(plan,), number="7")

    assert await chat.count("attachments") == 1
