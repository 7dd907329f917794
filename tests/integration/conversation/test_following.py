"""A log that is followed: begun and ended by turns, and shown as it grows in between."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from graph.conversation import Conversation, Follower, Patience, Reply, Services
from graph.conversation.following import AlreadyFollowed
from infrastructure.blueprints import catalogue
from infrastructure.deploy.deployer import ServiceState, ServiceStatus
from shared.database import Database
from shared.ledger import projects, sessions
from shared.ledger.users import Role
from shared.live import Live
from tests.engine import until
from tests.integration.conversation.chat import Chat, Person, Server

RUNNING = ServiceStatus(state=ServiceState.RUNNING, commit="a" * 40)
PATIENCE = Patience(look_every_s=0.01, longest_s=60, silent_s=0.1)


@pytest.fixture
def patience() -> Patience:
    return PATIENCE


@pytest.fixture
def conversation(database: Database, live: Live, server: Server, patience: Patience) -> Conversation:
    services = Services(catalogue=catalogue, reader=server, patience=patience)
    return Conversation(database, live, services)


@pytest.fixture
async def hello(chat: Chat, owner: Person, server: Server) -> str:
    """A service that runs, and has written two lines."""
    project = await chat.project("hello", owner)
    async with chat.database.transaction() as tx:
        await projects.set_service(tx, project.id, "running")
    server.log["hello"] = "one\ntwo\n"
    server.state["hello"] = RUNNING
    return project.name


class Screen:
    """Shows what is followed."""

    def __init__(self, chat: Chat, person: Person, answer: Reply) -> None:
        assert answer.followed is not None, answer.plain
        self.follower: Follower = chat.conversation.follower(person.session_id, answer.followed)
        self.shown = ""
        self.showing = asyncio.create_task(self._show())

    async def _show(self) -> None:
        async for piece in self.follower.pieces():
            self.shown += piece

    async def shows(self, words: str) -> None:
        """Wait until these words were shown."""

        async def saw() -> bool:
            return words in self.shown

        await until(saw, within_s=20)

    async def ended(self) -> None:
        async with asyncio.timeout(20):
            await self.showing


async def ends(chat: Chat, person: Person) -> list[Reply]:
    """Return every end that was said in a person's session."""
    async with chat.database.connection() as connection:
        turns = await sessions.turns_after(connection, person.session_id, 0)
    replies = [Reply.model_validate(turn.body) for turn in turns if turn.author == "telewright"]
    return [reply for reply in replies if reply.ended is not None]


async def test_it_shows_what_was_written_last_and_then_what_is_written(
    chat: Chat, owner: Person, server: Server, hello: str
) -> None:
    screen = Screen(chat, owner, await owner.say("follow the logs of hello"))
    await screen.shows("one\ntwo\n")
    server.log["hello"] += "three\nfour\n"
    await screen.shows("three\nfour\n")
    screen.showing.cancel()

    assert screen.shown == "one\ntwo\nthree\nfour\n"
    assert await ends(chat, owner) == []


async def test_who_stops_it_at_the_front_leaves_its_last_lines(chat: Chat, owner: Person, hello: str) -> None:
    screen = Screen(chat, owner, await owner.say("/logs hello follow"))
    await screen.shows("two\n")
    screen.showing.cancel()
    await screen.follower.stop()

    [end] = await ends(chat, owner)
    assert end.plain == (
        "The log of hello is not followed any more. Somebody stopped it.\nThe last lines:\none\ntwo"
    )
    assert (await owner.say("/logs hello follow")).followed is not None


@pytest.mark.parametrize("said", ["/logs hello stop", "/logs stop", "stop following"])
async def test_it_is_stopped_in_words_and_its_end_is_said_once(
    chat: Chat, owner: Person, hello: str, said: str
) -> None:
    screen = Screen(chat, owner, await owner.say("/logs hello -f"))
    await screen.shows("two\n")
    answer = await owner.say(said)
    await screen.ended()
    await screen.follower.stop()

    assert answer.plain.endswith("Owner stopped it.\nThe last lines:\none\ntwo")
    assert [end.plain for end in await ends(chat, owner)] == [answer.plain]
    assert (await owner.say(said)).plain == "No log is followed here."


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (ServiceState.STOPPED, "hello was stopped."),
        (ServiceState.ABSENT, "hello is not on its server any more."),
    ],
)
async def test_it_ends_with_the_service_and_leaves_no_line_out(
    chat: Chat, owner: Person, server: Server, hello: str, state: ServiceState, why: str
) -> None:
    screen = Screen(chat, owner, await owner.say("/logs hello follow"))
    await screen.shows("one\n")
    server.log["hello"] += "goodbye"
    server.state["hello"] = ServiceStatus(state=state)
    await screen.ended()

    [end] = await ends(chat, owner)
    assert end.plain == (
        f"The log of hello is not followed any more. {why}\nThe last lines:\none\ntwo\ngoodbye"
    )


async def test_a_service_that_is_deployed_meanwhile_is_followed_on(
    chat: Chat, owner: Person, server: Server, hello: str
) -> None:
    screen = Screen(chat, owner, await owner.say("/logs hello follow"))
    await screen.shows("two\n")
    server.state["hello"] = replace(RUNNING, commit="b" * 40)
    server.log["hello"] = "one\nof the next\n"
    await screen.shows("of the next\n")
    screen.showing.cancel()

    assert screen.shown == (
        "one\ntwo\n— hello was deployed: from here on commit bbbbbbbbbb —\none\nof the next\n"
    )


async def test_a_service_that_fails_is_followed_on(
    chat: Chat, owner: Person, server: Server, hello: str
) -> None:
    server.state["hello"] = replace(RUNNING, state=ServiceState.FAILED)
    screen = Screen(chat, owner, await owner.say("/logs hello follow"))
    await screen.shows("two\n")
    screen.showing.cancel()


async def test_a_server_that_cannot_be_read_ends_it_after_a_while(
    chat: Chat, owner: Person, server: Server, hello: str
) -> None:
    screen = Screen(chat, owner, await owner.say("/logs hello follow"))
    await screen.shows("two\n")
    del server.log["hello"]
    await screen.ended()

    [end] = await ends(chat, owner)
    assert "Its server cannot be read: hello is not on the server." in end.plain


class TestALongTime:
    """What is followed for a long time."""

    @pytest.fixture
    def patience(self) -> Patience:
        return replace(PATIENCE, longest_s=0.05)

    async def test_it_ends_by_itself_and_says_how_to_go_on(
        self, chat: Chat, owner: Person, hello: str
    ) -> None:
        screen = Screen(chat, owner, await owner.say("/logs hello follow"))
        await screen.ended()

        [end] = await ends(chat, owner)
        assert "followed for 0.1 s. To go on, write /logs hello follow" in end.plain
        assert end.plain.endswith("one\ntwo")


async def test_a_service_that_does_not_run_is_not_followed(chat: Chat, owner: Person, server: Server) -> None:
    await chat.project("hello", owner)
    server.log["hello"] = "one\n"

    answer = await owner.say("/logs hello follow")

    assert (answer.error, answer.followed) == ("nothing_to_follow", None)
    assert "/logs hello" in answer.plain


async def test_one_conversation_follows_one_log_and_says_so(chat: Chat, owner: Person, hello: str) -> None:
    assert (await owner.say("/logs hello follow")).followed is not None
    again = await owner.say("/logs hello follow")

    assert again.error == AlreadyFollowed.code
    assert "/logs hello stop ends that." in again.plain


async def test_two_people_follow_the_same_each_in_their_conversation(
    chat: Chat, owner: Person, hello: str
) -> None:
    vera = await chat.person(Role.VIEWER, name="vera", chat="another")
    screens = [Screen(chat, person, await person.say("/logs hello follow")) for person in (owner, vera)]
    for screen in screens:
        await screen.shows("two\n")
    await vera.say("/logs hello stop")
    await screens[1].ended()

    assert (len(await ends(chat, owner)), len(await ends(chat, vera))) == (0, 1)
    assert not screens[0].showing.done()
    screens[0].showing.cancel()


async def test_the_same_message_again_begins_nothing_new(chat: Chat, owner: Person, hello: str) -> None:
    first = await owner.say("/logs hello follow", number="7")
    assert await owner.say("/logs hello follow", number="7") == first


async def test_what_a_process_left_behind_is_said_to_have_ended_once(
    chat: Chat, owner: Person, hello: str
) -> None:
    answer = await owner.say("/logs hello follow")
    await asyncio.gather(*(chat.conversation.end_left_behind(front="test") for _ in range(3)))
    late = Screen(chat, owner, answer)
    await late.ended()

    [end] = await ends(chat, owner)
    assert "was closed or started again. To go on, write /logs hello follow" in end.plain
    assert late.shown == ""


async def test_another_fronts_logs_are_left_alone(chat: Chat, owner: Person, hello: str) -> None:
    await owner.say("/logs hello follow")
    await chat.conversation.end_left_behind(front="another")

    assert await ends(chat, owner) == []


async def test_whoever_is_let_go_follows_nothing_any_more_and_others_there_are_told(
    chat: Chat, owner: Person, hello: str
) -> None:
    other = await chat.person(Role.OPERATOR, name="other", chat="another")
    screen = Screen(chat, other, await other.say(f"/logs {hello} follow"))
    kept = Screen(chat, owner, await owner.say(f"/logs {hello} follow"))
    await screen.shows("two")

    await owner.say(f"/users remove {other.user.id}")

    await screen.ended()
    [end] = await ends(chat, other)
    assert end.plain.endswith("Other is not let in any more.")
    assert await ends(chat, owner) == []
    await owner.say(f"/logs {hello} stop")
    await kept.ended()


async def test_a_group_that_is_let_go_follows_nothing_any_more(chat: Chat, owner: Person, hello: str) -> None:
    session = await chat.conversation.open(front="telegram", external_key="-1001234:5", user=owner.user)
    there = Person(chat.conversation, session.id, owner.user)
    await owner.say("/users add -1001234")
    screen = Screen(chat, there, await there.say(f"/logs {hello} follow"))

    await owner.say("/users remove -1001234")

    await screen.ended()
    [end] = await ends(chat, there)
    assert end.plain.endswith("The group is not let in any more.")
