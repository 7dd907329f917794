"""Logs that are followed in chats: a draft or a message that grows, and a real message in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from bot.follows import Begun, Follows
from bot.notifier import Notifier
from bot.outbox import Row
from bot.outgoing import Words
from graph.conversation import Conversation, Feed, Services
from infrastructure.blueprints import catalogue
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from shared.ids import SessionId, UserId
from shared.ledger import followings, projects, sessions, users
from shared.ledger.users import Role
from shared.live import Live
from tests.engine import until
from tests.fakes.telegram import Group, Person
from tests.integration.bot.routers.ears import BRISKLY, OWNER, Ears
from tests.sending import next_token

RUNNING = ServiceStatus(state=ServiceState.RUNNING, commit="a" * 40)


@dataclass
class Speaker:
    """The half of a speaking process that shows what is followed."""

    ears: Ears
    notifier: Notifier
    forgets: bool = False
    """Whether it does not come to know of what its answers have begun."""

    async def hear(self) -> None:
        """Handle what was said, and tell the answers."""
        await self.ears.listen()
        for session_id in await self._sessions():
            await self.notifier.deliver(session_id)

    async def says(self, words: str, *, key: str = "") -> Row:
        """Wait until a message of the outbox has these words."""

        async def saying() -> Row | None:
            await self.hear()
            for row in await self.ears.rows():
                fits = row.key.startswith(key) and isinstance(row.content, Words)
                if fits and isinstance(row.content, Words) and words in row.content.text:
                    return row
            return None

        row = await until(saying, within_s=20)
        assert row is not None
        return row

    async def _sessions(self) -> list[SessionId]:
        async with self.ears.database.connection() as connection:
            cursor = await connection.execute("SELECT id FROM sessions WHERE front = 'telegram'")
            return [SessionId(row[0]) for row in await cursor.fetchall()]


@asynccontextmanager
async def speaking(ears: Ears, live: Live) -> AsyncIterator[Speaker]:
    """Speak until the block is left, as a process does until it is killed."""
    database = ears.database
    async with database.transaction() as tx:
        token = await next_token(tx)
    services = Services(catalogue=catalogue, reader=ears.server, patience=BRISKLY)
    follows = Follows(Conversation(database, live, services), ears.drafts, orphaned_s=1)

    def follow(begun: Begun) -> None:
        if not speaker.forgets:
            follows.begin(begun)

    notifier = Notifier(
        database,
        live,
        Feed(database, live),
        bot=ears.bot,
        token=token,
        wake_sender=ears.woken.append,
        follow=follow,
    )
    speaker = Speaker(ears, notifier)
    await follows.end_left_behind()
    running = asyncio.create_task(follows.run())
    try:
        yield speaker
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
async def hello(ears: Ears) -> str:
    """A service that runs, and has written two lines."""
    owner = UserId(f"telegram:{OWNER}")
    async with ears.database.transaction() as tx:
        await users.ensure(tx, owner, name="Olga", role=Role.OWNER)
        session = await sessions.ensure(tx, front="terminal", external_key="ann", owner_id=owner)
        project = await projects.create(
            tx, name="hello", blueprint="web-service", description="", owner_id=owner, session_id=session.id
        )
        await projects.set_service(tx, project.id, "running")
    ears.server.log["hello"] = "one\ntwo\n"
    ears.server.state["hello"] = RUNNING
    return project.name


async def test_in_a_private_chat_a_draft_grows_until_its_button_is_pressed(
    ears: Ears, live: Live, owner: Person, hello: str
) -> None:
    async with speaking(ears, live) as speaker:
        owner.say("/logs hello follow")
        await speaker.says("as it is written, for at most 10 min")
        await ears.telegram.until(lambda: ears.telegram.drafts(owner)[0]["texts"][-1] == "one\ntwo")
        ears.server.log["hello"] += "three\nfour\n"
        await ears.telegram.until(lambda: "four" in ears.telegram.drafts(owner)[0]["texts"][-1])
        owner.stop_draft()
        end = await speaker.says("is not followed any more")

    assert isinstance(end.content, Words)
    assert end.content.text.splitlines()[-4:] == ["one", "two", "three", "four"]
    assert not [row for row in await ears.rows() if row.key.startswith("following:")]


async def test_in_a_group_a_message_grows_and_becomes_its_end(
    ears: Ears, live: Live, owner: Person, group: Group, hello: str
) -> None:
    async with speaking(ears, live) as speaker:
        owner.say("/logs@telewright_bot hello follow", group)
        growing = await speaker.says("two\n…", key="following:")
        ears.server.state["hello"] = ServiceStatus(state=ServiceState.STOPPED)
        end = await speaker.says("hello was stopped.")

    assert (end.id, end.place, end.solicited) == (growing.id, growing.place, False)
    assert isinstance(end.content, Words)
    assert "…" not in end.content.text
    assert [row.key for row in await ears.rows() if "followed any more" in str(row.content)] == [end.key]


async def test_in_a_topic_it_is_stopped_by_the_button_under_the_answer(
    ears: Ears, live: Live, owner: Person, forum: Group, hello: str
) -> None:
    topic = forum.topic("Chat")
    async with speaking(ears, live) as speaker:
        owner.say("/logs@telewright_bot hello follow", topic)
        answer = await speaker.says("as it is written")
        growing = await speaker.says("two\n…", key="following:")
        assert isinstance(answer.content, Words)
        [[stop]] = answer.content.buttons
        assert stop.choice is not None
        sent = await ears.bot.send_message(forum.id, "The log", message_thread_id=topic.id)
        assert (stop.text, growing.thread_id) == ("Stop", topic.id)
        owner.say("/logs@telewright_bot hello stop", topic)
        end = await speaker.says("Olga stopped it.", key="following:")

    assert sent.message_thread_id == end.thread_id
    answers = [row.content.text for row in await ears.rows() if isinstance(row.content, Words)]
    # The lines stand where they grew, and who asked is answered.
    assert len([text for text in answers if "Olga stopped it." in text]) == 2
    assert len([text for text in answers if "The last lines" in text]) == 1


@pytest.mark.parametrize("private", [True, False])
async def test_after_a_crash_the_next_process_says_that_it_has_ended(
    ears: Ears, live: Live, owner: Person, group: Group, hello: str, private: bool
) -> None:
    chat = owner if private else group
    async with speaking(ears, live) as speaker:
        owner.say("/logs@telewright_bot hello follow", None if private else group)
        await speaker.says("as it is written")
        if private:
            await ears.telegram.until(lambda: ears.telegram.drafts(owner)[0]["texts"])
        else:
            await speaker.says("two\n…", key="following:")
    async with speaking(ears, live) as speaker:
        end = await speaker.says("was closed or started again")
        await speaker.hear()

    assert end.chat_id == chat.id
    assert not [text for text in await ears.words() if text.endswith("two\n…")]


async def test_what_was_followed_and_not_told_before_a_crash_has_ended(
    ears: Ears, live: Live, owner: Person, hello: str
) -> None:
    owner.say("/logs hello follow")
    await ears.listen()
    async with speaking(ears, live) as speaker:
        await speaker.says("was closed or started again")
        await speaker.hear()

    assert ears.telegram.calls("sendMessageDraft") == []


async def test_two_chats_follow_the_same_beside_one_another(
    ears: Ears, live: Live, owner: Person, operator: Person, hello: str
) -> None:
    async with speaking(ears, live) as speaker:
        for person in (owner, operator):
            person.say("/logs hello follow")
        await speaker.hear()
        for person in (owner, operator):
            await ears.telegram.until(lambda: ears.telegram.drafts(person)[0]["texts"])  # noqa: B023
        owner.stop_draft()
        await speaker.says("Somebody stopped it.")
        ears.server.log["hello"] += "three\nfour\n"
        await ears.telegram.until(lambda: "four" in ears.telegram.drafts(operator)[0]["texts"][-1])

    assert "four" not in ears.telegram.drafts(owner)[0]["texts"][-1]


async def test_what_is_followed_and_never_shown_ends_and_holds_up_nothing(
    ears: Ears, live: Live, owner: Person, operator: Person, hello: str
) -> None:
    async with speaking(ears, live) as speaker:
        owner.say("/logs hello follow")
        await speaker.hear()
        await ears.telegram.until(lambda: ears.telegram.drafts(owner)[0]["texts"])
        speaker.forgets = True
        operator.say("/logs hello follow")
        end = await speaker.says("Something went wrong on my side")
        async with ears.database.connection() as connection:
            [left] = await followings.of_front(connection, "telegram")
            shown = await sessions.get(connection, left.session_id)

    assert end.chat_id == operator.id
    assert shown is not None
    assert shown.external_key == f"{owner.id}:0"
