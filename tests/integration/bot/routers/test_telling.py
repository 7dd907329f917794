"""What the notifier brings from a session into the outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from bot import chats, texts
from bot.notifier import Notifier
from bot.outgoing import Words
from bot.places import Place
from graph.conversation.health import service_changed
from graph.conversation.replies import CommandChoice, DecisionChoice, Reply
from shared.database import Database
from shared.ids import ApprovalId, ProjectId, RunId, SessionId
from shared.ledger import events, sessions
from shared.ledger.approvals import Approval
from shared.ledger.claims import Ending
from shared.ledger.health import Aspect, Health, Service, State
from shared.ledger.runs import Run, Status
from shared.live import Live
from shared.tracing import new_trace_id
from tests.engine import until
from tests.fakes.telegram import FakeTelegram, Group, Message, Person
from tests.integration.bot.routers.ears import OPERATOR, OWNER, STRANGER, Ears
from tests.integration.bot.routers.test_buttons import shown
from tests.integration.conversation.chat import Chat, plan_question, text_question
from tests.receiving import running

FAILED = Ending(Status.FAILED, "tests_failed", "The tests failed.")


async def told(ears: Ears, notifier: Notifier, external_key: str) -> Words:
    """Tell of what is new in a session, and return the first thing that it says."""
    session_id = await ears.one("SELECT id FROM sessions WHERE external_key = %s", external_key)
    await notifier.deliver(SessionId(session_id))
    content = (await ears.row(f"turn:{session_id}:2")).content
    assert isinstance(content, Words)
    return content


async def test_an_answer_in_a_group_replies_to_what_it_answers(
    ears: Ears, notifier: Notifier, owner: Person, group: Group
) -> None:
    said = owner.say("/projects@telewright_bot", group)
    await ears.listen()

    assert (await told(ears, notifier, f"{group.id}:0")).reply_to == said.id


async def test_an_answer_to_a_file_replies_to_it_also_where_only_two_talk(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    owner.send_document("notes.md", b"# Notes", "/projects")
    sent = owner.say("/whoami")
    await ears.listen()

    session_id = await ears.one("SELECT id FROM sessions WHERE external_key = %s", f"{OWNER}:0")
    await notifier.deliver(SessionId(session_id))
    answers = [row.content for row in await ears.rows() if row.key.startswith("turn:")]
    assert [one.reply_to for one in answers if isinstance(one, Words)][-2:] == [sent.id - 1, None]


async def test_an_answer_in_a_topic_does_not_reply_to_what_was_said_elsewhere(
    ears: Ears, notifier: Notifier, owner: Person, forum: Group
) -> None:
    owner.say("/new@telewright_bot web-service hello", forum)
    await ears.listen()
    [topic] = forum.topics

    answer = await told(ears, notifier, f"{forum.id}:{topic.id}")
    assert answer.text.startswith("Run 1 is queued")
    assert answer.reply_to is None


async def test_an_answer_in_a_topic_replies_to_what_was_said_there(
    ears: Ears, notifier: Notifier, owner: Person, forum: Group
) -> None:
    topic = forum.topic("Chat")
    said = owner.say("/projects@telewright_bot", topic)
    await ears.listen()

    assert (await told(ears, notifier, f"{forum.id}:{topic.id}")).reply_to == said.id


async def test_a_service_that_is_down_is_told_aloud_with_what_can_be_done(
    ears: Ears, notifier: Notifier, owner: Person, database: Database
) -> None:
    owner.say("/whoami")
    await ears.listen()
    session_id = await ears.one("SELECT id FROM sessions WHERE external_key = %s", f"{OWNER}:0")
    service = Service(
        ProjectId(UUID(int=1)), "hello", session_id, contract={}, releases=2, at_work=False, changed_at=None
    )
    down = Health(
        service.subject, Aspect.SERVICE, state=State.DOWN, since=datetime.now(UTC), finding="silence"
    )
    async with database.transaction() as tx:
        body = service_changed(service, down, log="one\ntwo").model_dump(mode="json")
        await sessions.say(tx, session_id, author="telewright", body=body, trace_id=new_trace_id())

    await notifier.deliver(session_id)

    newest = await ears.one("SELECT last_turn FROM sessions WHERE id = %s", session_id)
    content = (await ears.row(f"turn:{session_id}:{newest}")).content
    assert isinstance(content, Words)
    assert not content.silent
    assert content.text.startswith("hello is down, since ")
    assert [button.choice for row in content.buttons for button in row] == [
        CommandChoice(label="Restart", command="/restart hello"),
        CommandChoice(label="Roll back", command="/rollback hello"),
    ]


async def test_a_turn_that_nobody_can_read_is_told_as_such_and_silences_nothing(
    ears: Ears, notifier: Notifier, owner: Person, database: Database
) -> None:
    owner.say("/whoami")
    await ears.listen()
    session_id = await ears.one("SELECT id FROM sessions WHERE external_key = %s", f"{OWNER}:0")
    async with database.transaction() as tx:
        for body in ({"blocks": [{"type": "hologram"}]}, Reply.saying("And then?").model_dump(mode="json")):
            await sessions.say(tx, session_id, author="telewright", body=body, trace_id=new_trace_id())

    await notifier.deliver(session_id)

    assert [words.partition(".")[0] for words in (await ears.words())[-2:]] == [
        "Something was said here that cannot be read any more",
        "And then?",
    ]


async def test_a_run_that_nobody_can_read_is_told_to_be_over_and_silences_nothing(
    ears: Ears, notifier: Notifier, owner: Person, database: Database
) -> None:
    owner.say("/new web-service hello")
    await ears.listen()
    [run] = await ears.runs(f"{OWNER}:0")
    async with database.transaction() as tx:
        # A later version would know the way there.
        await tx.execute("ALTER TABLE runs DROP CONSTRAINT runs_status_check")
        await tx.execute("ALTER TABLE runs DISABLE TRIGGER USER")
        await tx.execute("UPDATE runs SET status = 'hibernating'")
        await events.append(tx, run.id, events.STEP_STARTED, {"step": "plan"})
        await events.append(tx, run.id, events.RUN_SUCCEEDED)
        body = Reply.saying("And then?").model_dump(mode="json")
        await sessions.say(tx, run.session_id, author="telewright", body=body, trace_id=new_trace_id())

    await notifier.deliver(run.session_id)

    [*_, one, other] = await ears.words()
    assert {one, other} == {texts.UNTELLABLE, "And then?"}
    assert (await ears.words()).count(texts.UNTELLABLE) == 1


async def test_a_session_that_cannot_be_told_of_delays_no_other(
    ears: Ears, notifier: Notifier, owner: Person, operator: Person, database: Database, live: Live
) -> None:
    for person in (owner, operator):
        person.say("/whoami")
    await ears.listen()
    failing, other = [
        await ears.one("SELECT id FROM sessions WHERE external_key = %s", f"{person.id}:0")
        for person in (owner, operator)
    ]
    async with running(notifier.run()):
        async with _outage_of_telling(database, failing):
            await until(lambda: _tried(ears))
            async with database.transaction() as tx:
                body = Reply.saying("And then?").model_dump(mode="json")
                await sessions.say(tx, other, author="telewright", body=body, trace_id=new_trace_id())
            live.wake(other)
            await until(lambda: _said(ears, "And then?"))
        await until(lambda: _said(ears, "Olga"))


async def test_a_run_that_cannot_be_shown_stops_the_clock_of_no_other(
    ears: Ears, notifier: Notifier, owner: Person, operator: Person, database: Database
) -> None:
    for person in (owner, operator):
        person.say(f"/new web-service for-{person.id}")
    await ears.listen()
    [failing], [other] = await ears.runs(f"{OWNER}:0"), await ears.runs(f"{OPERATOR}:0")
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    for run in (failing, other):
        await chat.emit(await chat.claim(run), events.STEP_STARTED, {"step": "plan"})

    async with _outage_of_telling(database, failing.session_id), running(notifier.run()):
        await until(lambda: _moved_on(ears, other.id))


@asynccontextmanager
async def _outage_of_telling(database: Database, session_id: SessionId) -> AsyncIterator[None]:
    """Let the database fail as if it went away, whenever something is written for a session."""
    async with database.connection() as connection:
        await connection.execute(
            f"""
            CREATE SEQUENCE tries;
            CREATE FUNCTION go_away() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM nextval('tries');
                RAISE 'the server is shutting down' USING ERRCODE = 'admin_shutdown';
            END $$;
            CREATE TRIGGER going_away BEFORE INSERT ON outbox FOR EACH ROW
                WHEN (NEW.session_id = '{session_id}') EXECUTE FUNCTION go_away();
            """
        )
    try:
        yield
    finally:
        async with database.connection() as connection:
            await connection.execute("DROP TRIGGER going_away ON outbox")


async def _moved_on(ears: Ears, run_id: RunId) -> bool:
    """Whether a run's progress was shown anew."""
    return (await ears.one("SELECT revision FROM outbox WHERE key = %s", f"progress:{run_id}") or 0) > 1


async def _tried(ears: Ears) -> bool:
    return bool(await ears.one("SELECT is_called FROM tries"))


async def _said(ears: Ears, words: str) -> bool:
    return any(words in one for one in await ears.words())


async def test_a_reply_to_a_prompt_comments_on_its_question_whatever_was_pressed_since(
    ears: Ears, notifier: Notifier, owner: Person
) -> None:
    for name in ("one", "other"):
        owner.say(f"/new web-service {name}")
    await ears.listen()
    other, one = await ears.runs(f"{OWNER}:0")
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    [asked], [elsewhere] = await chat.ask(one, plan_question()), await chat.ask(other, plan_question())
    for approval in (asked, elsewhere):
        choice = DecisionChoice(label="x", approval_id=approval.id, key="reject")
        _, message = await shown(ears, choice, Place(OWNER), str(approval.id))
        owner.press(message, "Do it")
    await ears.listen()
    await notifier.deliver(one.session_id)
    prompts = [row for row in await ears.rows() if isinstance(row.content, Words) and row.content.prompt]
    sent = await ears.bot.send_message(OWNER, "What should be different?")
    prompt = Message(ears.telegram, OWNER, sent.message_id)
    await ears.sent(prompts[0], prompt)
    owner.say("name: for-one", reply_to=prompt)
    await ears.listen()

    assert [row.approval_id for row in prompts] == [asked.id, elsewhere.id]
    assert ((await chat.approval(asked)).answer or {})["text"] == "name: for-one"
    assert (await chat.approval(elsewhere)).status == "pending"


async def test_a_runs_end_is_shown_also_where_another_version_has_shown_its_progress(
    ears: Ears, notifier: Notifier, database: Database, owner: Person
) -> None:
    owner.say("/new web-service hello")
    await ears.listen()
    [run] = await ears.runs(f"{OWNER}:0")
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    await chat.claim(run)
    await notifier.deliver(run.session_id)
    async with database.transaction() as tx:
        cursor = await tx.execute(
            """UPDATE outbox SET content = '{"type": "hologram"}' WHERE key = %s""", [f"progress:{run.id}"]
        )
        assert cursor.rowcount == 1

    await chat.finish(run, FAILED)
    await notifier.deliver(run.session_id)

    shown = (await ears.row(f"progress:{run.id}")).content
    assert isinstance(shown, Words)
    assert "The tests failed." in shown.text


async def test_what_a_stranger_has_asked_for_is_put_to_those_who_may_decide(
    ears: Ears, notifier: Notifier, owner: Person, operator: Person
) -> None:
    owner.say("/whoami")
    for name in ("one", "other"):
        operator.say(f"/new web-service {name}")
    await ears.listen()
    chat, one, other, before = await _asked_about_one_of_two(ears, notifier, f"{OPERATOR}:0")
    assert await _asked_in(ears, OWNER) == []

    owner.say(f"/users remove {OPERATOR}")
    await ears.listen()
    [after] = await chat.ask(other, plan_question("Build other?"))
    await notifier.deliver(one.session_id)

    # What stood already, and what was asked since.
    assert await _asked_in(ears, OWNER) == [before.id, after.id]
    [row, _] = [row for row in await ears.rows() if row.chat_id == OWNER and row.approval_id]
    assert isinstance(row.content, Words)
    assert row.content.text.startswith(f"Run {one.number} still waits: Build one?")
    assert row.content.buttons[0][0].text == "✅ Approve"


async def test_what_a_group_was_asked_is_put_to_those_who_may_decide_once_it_was_let_go(
    ears: Ears, notifier: Notifier, telegram: FakeTelegram, owner: Person, operator: Person
) -> None:
    club = telegram.supergroup("Club", owner, operator, bot_is_admin=False)
    owner.say(f"/users add {club.id}")
    operator.say("/whoami")
    await ears.listen()
    # As the bot does whenever an owner has said something.
    ears.access.doubt()
    for name in ("one", "other"):
        operator.say(f"/new@telewright_bot web-service {name}", club)
    await ears.listen()
    chat, one, other, before = await _asked_about_one_of_two(ears, notifier, f"{club.id}:0")
    assert await _asked_in(ears, OWNER) == []

    owner.say(f"/users remove {club.id}")
    await ears.listen()
    [after] = await chat.ask(other, plan_question("Build other?"))
    await notifier.deliver(one.session_id)

    # Whoever began the work is let in still, and may see it nowhere else.
    assert await _asked_in(ears, OWNER) == await _asked_in(ears, OPERATOR) == [before.id, after.id]

    await _approve(ears, owner, after.id)
    await chat.finish(other, FAILED)
    await notifier.deliver(other.session_id)

    assert await _told_how_it_ended(ears, other) == {club.id, OWNER, OPERATOR}


@pytest.mark.parametrize("told_by", [OWNER, STRANGER, None])
async def test_what_is_asked_and_told_in_a_group_goes_to_its_people_once_the_bot_was_put_out(
    ears: Ears, notifier: Notifier, group: Group, owner: Person, operator: Person, told_by: int | None
) -> None:
    for person in (owner, operator):
        person.say("/whoami")
    for name in ("one", "other"):
        operator.say(f"/new@telewright_bot web-service {name}", group)
    await ears.listen()
    chat, one, other, before = await _asked_about_one_of_two(ears, notifier, f"{group.id}:0")

    await _put_out(ears, group, told_by)
    [after] = await chat.ask(other, plan_question("Build other?"))
    await notifier.deliver(one.session_id)

    assert await _asked_in(ears, OWNER) == await _asked_in(ears, OPERATOR) == [before.id, after.id]

    await _approve(ears, owner, after.id)
    await chat.finish(other, FAILED)
    await notifier.deliver(one.session_id)

    assert await _told_how_it_ended(ears, other) == {group.id, OWNER, OPERATOR}


async def test_what_is_asked_and_told_in_a_deleted_account_goes_to_the_owner(
    ears: Ears, notifier: Notifier, owner: Person, operator: Person
) -> None:
    owner.say("/whoami")
    operator.say("/new web-service hello")
    await ears.listen()
    [run] = await ears.runs(f"{OPERATOR}:0")
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    [asked] = await chat.ask(run, plan_question())
    await notifier.deliver(run.session_id)
    async with ears.database.transaction() as tx:
        await chats.gone(tx, OPERATOR, "user is deactivated")
    await notifier.deliver(run.session_id)

    assert await _asked_in(ears, OWNER) == [asked.id]

    await _approve(ears, owner, asked.id)
    await chat.finish(run, FAILED)
    await notifier.deliver(run.session_id)

    assert await _told_how_it_ended(ears, run) == {OPERATOR, OWNER}


async def _put_out(ears: Ears, group: Group, told_by: int | None) -> None:
    """Put the bot out of a group; by whom, or nobody tells and it is found out by a call or two."""
    if told_by is None:
        for _ in range(2):
            async with ears.database.transaction() as tx:
                await chats.gone(tx, group.id, "bot was kicked from the supergroup chat")
        return
    ears.telegram.user(STRANGER, "Somebody's administrator")
    ears.telegram.act("kick_bot", chat_id=group.id, by=told_by, status="kicked")
    await ears.listen()


@pytest.mark.parametrize("asks", [True, False])
async def test_how_a_run_ends_is_told_to_the_owner_once_whoever_asked_for_it_was_let_go(
    ears: Ears, notifier: Notifier, owner: Person, operator: Person, asks: bool
) -> None:
    owner.say("/whoami")
    operator.say("/new web-service hello")
    await ears.listen()
    [run] = await ears.runs(f"{OPERATOR}:0")
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    if asks:
        [asked] = await chat.ask(run, plan_question())
    owner.say(f"/users remove {OPERATOR}")
    await ears.listen()
    if asks:
        await notifier.deliver(run.session_id)
        await _approve(ears, owner, asked.id)

    await chat.finish(run, FAILED)
    await notifier.deliver(run.session_id)

    assert await _told_how_it_ended(ears, run) == {OPERATOR, OWNER}


async def _approve(ears: Ears, person: Person, approval_id: ApprovalId) -> None:
    """Let somebody approve in private what was put there."""
    choice = DecisionChoice(label="x", approval_id=approval_id, key="approve")
    _, message = await shown(ears, choice, Place(person.id), f"again:{approval_id}")
    person.press(message, "Do it")
    await ears.listen()


async def _asked_about_one_of_two(
    ears: Ears, notifier: Notifier, external_key: str
) -> tuple[Chat, Run, Run, Approval]:
    """Ask about one of a session's two runs, and tell it there; return both, and what is asked."""
    other, one = await ears.runs(external_key)
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    [asked] = await chat.ask(one, plan_question("Build one?"))
    await notifier.deliver(one.session_id)
    return chat, one, other, asked


async def _told_how_it_ended(ears: Ears, run: Run) -> set[int]:
    """Return the chats in which a failed run's end is written, having looked that it is there once."""
    told = [
        row.chat_id
        for row in await ears.rows()
        if row.key.startswith(f"event:{run.id}:")
        and isinstance(row.content, Words)
        and "The tests failed." in row.content.text
    ]
    assert len(told) == len(set(told))
    return set(told)


async def _asked_in(ears: Ears, chat_id: int) -> list[ApprovalId | None]:
    """Return the questions that are put in a chat."""
    return [row.approval_id for row in await ears.rows() if row.chat_id == chat_id and row.approval_id]


async def test_in_a_topic_only_what_names_us_or_replies_is_the_text_that_a_run_asks_for(
    ears: Ears, owner: Person, forum: Group
) -> None:
    owner.say("/new@telewright_bot web-service hello", forum)
    await ears.listen()
    [topic] = forum.topics
    [run] = await ears.runs(f"{forum.id}:{topic.id}")
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    [asked] = await chat.ask(run, text_question())

    owner.say("let us have lunch", topic)
    await ears.listen()
    assert (await chat.approval(asked)).status == "pending"

    owner.say("@telewright_bot hello-again", topic)
    await ears.listen()
    assert ((await chat.approval(asked)).answer or {})["text"] == "hello-again"
