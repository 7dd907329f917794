"""What stands in a forum's general topic."""

from __future__ import annotations

import pytest
from aiogram import Bot

from bot.notifier import Notifier
from bot.outgoing import Words
from bot.overview import pin_overview, refresh_overview
from shared.database import Database
from shared.ids import UserId
from shared.ledger import projects, sessions
from shared.ledger.projects import Service
from tests.fakes.telegram import Group, Message, Person
from tests.integration.bot.routers.ears import OWNER, Ears


async def project(ears: Ears, name: str, external_key: str, service: Service = "none") -> None:
    async with ears.database.transaction() as tx:
        owner = UserId(f"telegram:{OWNER}")
        session = await sessions.ensure(tx, front="telegram", external_key=external_key, owner_id=owner)
        made = await projects.create(
            tx, name=name, blueprint="web-service", description="", owner_id=owner, session_id=session.id
        )
        await projects.set_service(tx, made.id, service)


async def refresh(ears: Ears, chat_id: int) -> set[int]:
    async with ears.database.transaction() as tx:
        return await refresh_overview(tx, chat_id, "telewright_bot")


@pytest.fixture(autouse=True)
async def _known(ears: Ears, owner: Person, forum: Group) -> None:
    owner.say("/whoami@telewright_bot", forum)
    await ears.listen()


async def test_it_lists_the_forums_projects_with_their_topics(ears: Ears, forum: Group, group: Group) -> None:
    await project(ears, "hello", f"{forum.id}:55", "running")
    await project(ears, "old", f"{forum.id}:0", "stopped")
    await project(ears, "elsewhere", f"{group.id}:0", "running")

    assert await refresh(ears, forum.id) == {forum.id}
    row = await ears.row(f"overview:{forum.id}")

    assert isinstance(row.content, Words)
    assert row.content.text.splitlines()[1:] == ["hello — live", "old — stopped"]
    assert [entity.url for entity in row.content.entities if entity.url] == [
        f"https://t.me/c/{str(forum.id).removeprefix('-100')}/55",
        "https://t.me/telewright_bot?start=project-old",
    ]
    assert (row.thread_id, row.solicited) == (None, False)


async def test_it_says_what_is_at_work_and_what_waits(ears: Ears, owner: Person, forum: Group) -> None:
    owner.say("/new@telewright_bot web-service hello", forum)
    await ears.listen()
    [topic] = forum.topics
    await refresh(ears, forum.id)
    before = await ears.row(f"overview:{forum.id}")
    await project(ears, "hello", f"{forum.id}:{topic.id}")
    await ears.one(
        "UPDATE runs SET project_id = (SELECT id FROM projects WHERE name = 'hello') RETURNING number"
    )
    await refresh(ears, forum.id)
    row = await ears.row(f"overview:{forum.id}")

    assert isinstance(row.content, Words)
    assert row.content.text.splitlines()[1:] == ["hello — at work: Build hello"]
    # Also while it had made no project yet.
    assert isinstance(before.content, Words)
    assert before.content.text == row.content.text
    assert before.content.entities[-1].url == row.content.entities[-1].url is not None


async def test_a_build_without_a_name_is_called_a_new_project(
    ears: Ears, owner: Person, forum: Group
) -> None:
    owner.say("/new@telewright_bot web-service", forum)
    await ears.listen()
    await refresh(ears, forum.id)
    row = await ears.row(f"overview:{forum.id}")

    assert isinstance(row.content, Words)
    assert row.content.text.splitlines()[1:][0].startswith("New project — at work: ")


async def test_what_has_not_changed_is_not_written_again(ears: Ears, forum: Group) -> None:
    await project(ears, "hello", f"{forum.id}:55")
    await refresh(ears, forum.id)

    assert await refresh(ears, forum.id) == set()


async def test_other_chats_have_none(ears: Ears, group: Group) -> None:
    await project(ears, "hello", f"{group.id}:0")

    assert await refresh(ears, group.id) == set()
    assert await refresh(ears, OWNER) == set()


async def test_a_forum_without_projects_has_none_until_there_was_one(ears: Ears, forum: Group) -> None:
    assert await refresh(ears, forum.id) == set()
    await project(ears, "hello", f"{forum.id}:55")
    await refresh(ears, forum.id)
    await ears.one("UPDATE projects SET removed_at = now() RETURNING 1")

    assert await refresh(ears, forum.id) == {forum.id}


async def test_it_is_pinned_once_and_people_may_unpin_it(ears: Ears, forum: Group) -> None:
    await project(ears, "hello", f"{forum.id}:55")
    await refresh(ears, forum.id)
    await pin_overview(ears.database, ears.bot, forum.id)
    assert ears.telegram.calls("pinChatMessage") == []

    sent = await ears.bot.send_message(forum.id, "Projects")
    await ears.sent(await ears.row(f"overview:{forum.id}"), Message(ears.telegram, forum.id, sent.message_id))
    await pin_overview(ears.database, ears.bot, forum.id)
    await pin_overview(ears.database, ears.bot, forum.id)

    assert len(ears.telegram.calls("pinChatMessage")) == 1


async def test_another_bot_pins_its_own(
    ears: Ears, database: Database, forum: Group, notifier: Notifier
) -> None:
    await project(ears, "hello", f"{forum.id}:55")
    await refresh(ears, forum.id)
    sent = await ears.bot.send_message(forum.id, "Projects")
    await ears.sent(await ears.row(f"overview:{forum.id}"), Message(ears.telegram, forum.id, sent.message_id))
    before = Bot(f"7:{ears.bot.token.partition(':')[2]}", session=ears.bot.session)
    await pin_overview(database, before, forum.id)
    pinned = len(ears.telegram.calls("pinChatMessage"))

    await notifier._move_on()
    await notifier._move_on()

    assert len(ears.telegram.calls("pinChatMessage")) == pinned + 1
