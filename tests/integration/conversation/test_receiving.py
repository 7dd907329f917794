"""A message is taken in once, with all that it causes, whatever is in it and however often it is sent."""

from __future__ import annotations

import asyncio
import uuid

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.exceptions import ConnectorException

from graph.conversation import Conversation, Decision, Services
from graph.conversation.conversation import MessageNumberTaken, NoSuchSession, Stranger
from graph.conversation.sentences import Meaning
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.ids import SessionId, UserId
from shared.ledger import inbox, sessions
from shared.ledger.users import Role, User
from shared.live import Live
from tests.integration.conversation.chat import Chat, Person, Server, plan_question

pytestmark = pytest.mark.timeout(120)


async def test_the_same_message_at_the_same_time_starts_one_run_and_gets_one_answer(
    chat: Chat, owner: Person
) -> None:
    replies = await asyncio.gather(*(owner.say("/new web-service hello", number="7") for _ in range(12)))

    assert len({reply.model_dump_json() for reply in replies}) == 1
    assert len(await chat.runs(owner)) == 1
    assert await chat.count("procrastinate_jobs") == 1
    assert await chat.count("turns") == 3  # the greeting, the message, the answer


async def test_the_same_button_pressed_many_times_decides_once(chat: Chat, owner: Person) -> None:
    await owner.say("/new web-service hello")
    run = await chat.newest_run(owner)
    [approval] = await chat.ask(run, plan_question())

    replies = await asyncio.gather(*(owner.say("approve") for _ in range(6)))

    assert sorted(reply.error or "" for reply in replies) == ["", *["nothing_waits"] * 5]
    assert (await chat.approval(approval)).answer == {
        "choice": "approve", "text": None, "by": owner.user.id, "digest": approval.digest
    }  # fmt: skip
    assert await chat.count("audit WHERE action = 'approval.decided'") == 1


async def test_turns_are_numbered_without_a_gap_when_many_speak_at_once(chat: Chat, owner: Person) -> None:
    viewer = await chat.person(Role.VIEWER)
    texts = ["/new web-service hello", "/status", "/deploy nothing", "hm", "/runs"]
    await asyncio.gather(*(one.say(text) for text in texts for one in (owner, viewer) for _ in range(2)))

    async with chat.database.connection() as connection:
        turns = await sessions.turns_after(connection, owner.session_id, 0)
    assert [turn.seq for turn in turns] == list(range(1, 2 + 2 * 20))


async def test_a_message_that_a_front_has_stored_before_it_crashed_is_handled_then(
    chat: Chat, owner: Person
) -> None:
    async with chat.database.transaction() as tx:
        await inbox.receive(
            tx, front="test", external_id="7", session_id=owner.session_id, user_id=owner.user.id,
            payload={"text": "/new web-service hello"}, trace_id="a" * 32,
        )  # fmt: skip

    await owner.say("/new web-service hello", number="7")

    assert (await chat.newest_run(owner)).trace_id == "a" * 32


async def test_an_error_is_an_answer_that_is_stored_and_changes_nothing(chat: Chat, owner: Person) -> None:
    first = await owner.say("/deploy nothing", number="7")
    await chat.project("nothing", owner)

    assert await owner.say("/deploy nothing", number="7") == first
    assert first.error == "no_such_project"
    assert await chat.runs(owner) == []


async def test_a_fault_of_ours_leaves_nothing_behind_and_is_raised(
    database: Database, live: Live, server: Server, chat: Chat
) -> None:
    class Faulty:
        async def meaning(self, text: str) -> Meaning | None:
            raise psycopg.OperationalError("the connection is lost")

    faulty = Conversation(database, live, Services(catalogue=catalogue, reader=server), interpreter=Faulty())
    person = await Chat(database, live, faulty).person()

    with pytest.raises(psycopg.OperationalError):
        await person.say("hm", number="7")

    assert await chat.count("inbox") == 0
    assert (
        await Person(chat.conversation, person.session_id, person.user).say("hm", number="7")
    ).error is None


async def test_a_fault_in_the_middle_of_an_answer_rolls_all_of_it_back(
    database: Database, chat: Chat, owner: Person
) -> None:
    # The queue's table is gone: the run is accepted, its job cannot be.
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE procrastinate_jobs RENAME TO gone")

    with pytest.raises(ConnectorException):
        await owner.say("/new web-service hello")

    assert await chat.count("inbox") == 0
    assert await chat.count("runs") == 0
    assert await chat.count("turns") == 1


async def test_a_number_of_somebody_elses_message_is_refused(chat: Chat, owner: Person) -> None:
    await owner.say("/whoami", number="7")
    other = await chat.person(Role.VIEWER, chat="another")

    with pytest.raises(MessageNumberTaken):
        await other.say("/whoami", number="7")


async def test_strangers_and_unknown_sessions_are_refused_and_not_stored(
    conversation: Conversation, chat: Chat, owner: Person
) -> None:
    stranger = User(id=UserId("test:stranger"), name="Stranger", role=Role.OWNER)
    with pytest.raises(Stranger):
        await Person(conversation, owner.session_id, stranger).say("/status")
    with pytest.raises(NoSuchSession):
        await Person(conversation, SessionId(uuid.uuid4()), owner.user).say("/status")
    assert await chat.count("inbox") == 0


@pytest.mark.parametrize("text", ["x" * 100_000, "🙂" * 4097, "/new web-service hello " + "x" * 16_400])
async def test_a_text_over_the_limit_is_refused_and_says_that_nothing_was_changed(
    chat: Chat, owner: Person, text: str
) -> None:
    reply = await owner.say(text)

    assert reply.error == "too_long"
    assert "Nothing was changed" in reply.plain
    assert await chat.runs(owner) == []
    async with chat.database.connection() as connection:
        kept = (await sessions.turns_after(connection, owner.session_id, 1))[0].body["text"]
    assert len(kept) == 201


async def test_a_text_at_the_limit_is_taken_whole(chat: Chat, owner: Person) -> None:
    text = "/new web-service hello "
    await owner.say(text + "x" * (16_384 - len(text)))

    assert len((await chat.newest_run(owner)).input["description"]) == 16_384 - len(text)


HARD = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp", "So"])),
    st.builds(lambda name, rest: f"/{name} {rest}", st.sampled_from(
        ["new", "deploy", "status", "logs", "cancel", "approve", "reject", "answer", "help", "rollback", "x"]
    ), st.text(st.characters())),
    st.builds(lambda text: f"Create a web service called {text}", st.text(st.characters())),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(HARD, min_size=1, max_size=4))
def test_any_text_is_answered(texts: list[str], database_url: str, redis_url: str) -> None:
    async def talk() -> None:
        async with Database(database_url, connections=2) as database, Live(redis_url) as live:
            conversation = Conversation(database, live, Services(catalogue=catalogue, reader=Server()))
            person = await Chat(database, live, conversation).person()
            for text in texts:
                assert (await person.say(text)).plain

    asyncio.run(talk())


async def test_markup_emoji_and_direction_come_through_as_they_were_written(
    chat: Chat, owner: Person
) -> None:
    text = "/new web-service hello <b>*bold*</b> \u202e\u0645\u0631 👩‍👩‍👧 `code`"
    await owner.say(text)

    async with chat.database.connection() as connection:
        [turn] = await sessions.turns_after(connection, owner.session_id, 1, limit=1)
    assert turn.body == {"text": text}
    assert (await chat.newest_run(owner)).input["description"] == text.removeprefix("/new web-service hello ")


async def test_whoever_follows_the_session_is_woken_after_the_commit(
    live: Live, chat: Chat, owner: Person
) -> None:
    with live.watching(owner.session_id) as watch:
        await owner.say("/whoami")
        assert watch.woken.is_set()


async def test_deciding_for_another_session_wakes_that_one(live: Live, chat: Chat, owner: Person) -> None:
    await owner.say("/new web-service hello")
    run = await chat.newest_run(owner)
    await chat.ask(run, plan_question())
    elsewhere = await chat.person(Role.OPERATOR, chat="another")

    with live.watching(owner.session_id) as watch:
        assert (await elsewhere.say(f"/approve {run.number}")).error is None
        assert watch.woken.is_set()


async def test_a_greeting_is_said_once(conversation: Conversation, chat: Chat, owner: Person) -> None:
    await asyncio.gather(
        *(conversation.open(front="test", external_key="chat", user=owner.user) for _ in range(5))
    )

    assert await chat.count("turns") == 1
    assert await chat.count("sessions") == 1


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("/new web-service hello that greets", "hello"),
        ("Create a web service called hello", "hello"),
        ("/new web-service", ""),
    ],
)
async def test_it_can_be_asked_what_a_text_would_build_and_nothing_comes_of_it(
    chat: Chat, owner: Person, said: str, name: str
) -> None:
    meant = await owner.conversation.build_meant(owner.session_id, owner.user, said)

    assert meant is not None
    assert (meant.blueprint, meant.name) == ("web-service", name)
    assert (await chat.count("turns"), await chat.count("runs"), await chat.count("inbox")) == (1, 0, 0)


@pytest.mark.parametrize("said", ["/new", "/deploy hello", "hello", "/nonsense", "x" * 20_000])
async def test_what_builds_nothing_is_no_build(owner: Person, said: str) -> None:
    assert await owner.conversation.build_meant(owner.session_id, owner.user, said) is None


async def test_what_somebody_says_who_is_asked_for_words_is_no_wish(chat: Chat, owner: Person) -> None:
    wish = "Create a web service called other"
    viewer = await chat.person(Role.VIEWER)
    await owner.say("/new web-service hello")
    [asked] = await chat.ask(await chat.newest_run(owner), plan_question())

    await owner.press(Decision(approval_id=asked.id, choice="reject"))

    assert await owner.conversation.build_meant(owner.session_id, owner.user, wish) is None
    assert await owner.conversation.build_meant(owner.session_id, viewer.user, wish) is None
    await owner.say("never mind")
    assert await owner.conversation.build_meant(owner.session_id, owner.user, wish) is not None
