"""What people write, and what the conversation is told of it."""

from __future__ import annotations

from bot.outgoing import Words
from tests.fakes.telegram import FakeTelegram, Group, Person
from tests.integration.bot.routers.ears import OWNER, Ears
from tests.integration.conversation.chat import Chat, plan_question

PRIVATE = f"{OWNER}:0"


async def test_a_text_is_answered_once_and_a_new_session_begins_with_a_greeting(
    ears: Ears, owner: Person
) -> None:
    message = owner.say("/whoami")
    assert message.update_id is not None
    await ears.listen()
    ears.telegram.deliver_again(message.update_id)
    await ears.listen()

    authors = [author for author, _ in await ears.turns(PRIVATE)]

    assert authors == ["telewright", "person", "telewright"]


async def test_what_is_said_first_is_read_from_the_greeting_on(ears: Ears, owner: Person) -> None:
    owner.say("/whoami")
    await ears.listen()

    position = await ears.one(
        "SELECT position FROM cursors WHERE reader = 'telegram' AND stream LIKE 'session:%%'"
    )

    assert position == 0


async def test_start_greets_once_and_helps_afterwards(ears: Ears, owner: Person) -> None:
    owner.say("/start")
    await ears.listen()
    [(author, greeting)] = await ears.turns(PRIVATE)
    owner.say("/start")
    await ears.listen()

    assert (author, greeting[:6]) == ("telewright", "Hello.")
    assert await ears.said(PRIVATE) == ["/help"]


async def test_a_link_to_a_project_shows_its_state(ears: Ears, owner: Person) -> None:
    owner.say("/start project-hello-2")
    await ears.listen()

    assert await ears.said(PRIVATE) == ["/status hello-2"]


async def test_a_link_starts_no_service_before_a_button_is_pressed(ears: Ears, owner: Person) -> None:
    owner.say("/start hello")
    await ears.listen()

    [asking] = [row for row in await ears.rows() if row.key.startswith("answer:")]

    assert asking.content.text.startswith("Shall I start the service hello?")  # type: ignore[union-attr]
    assert asking.content.buttons[0][0].choice.command == "/start hello"  # type: ignore[union-attr]
    assert await ears.said(PRIVATE) == []


async def test_a_command_for_another_bot_is_none_of_ours(ears: Ears, owner: Person, group: Group) -> None:
    owner.say("/status@other_bot", group)
    owner.say("/status@other_bot")
    await ears.listen()

    assert await ears.said(f"{group.id}:0") == []
    assert await ears.said(PRIVATE) == []


async def test_in_a_group_only_what_is_said_to_us_counts(ears: Ears, owner: Person, group: Group) -> None:
    owner.say("remove hello", group)
    owner.say("/status@Telewright_Bot", group)
    owner.say("@telewright_bot, what is running?", group)
    await ears.listen()

    assert await ears.said(f"{group.id}:0") == ["/status", "what is running?"]


async def test_a_group_is_told_once_how_to_speak_to_us(ears: Ears, owner: Person, group: Group) -> None:
    owner.say("/status@telewright_bot", group)
    owner.say("/status@telewright_bot", group)
    await ears.listen()

    rows = [row for row in await ears.rows() if row.chat_id == group.id]
    [welcome] = [row.content for row in rows if row.key.startswith("welcome:")]

    assert isinstance(welcome, Words)
    assert "/help@telewright_bot" in welcome.text
    assert (await ears.turns(f"{group.id}:0"))[0] == ("person", "/status")


async def test_a_command_without_a_name_that_changes_something_is_asked_about(
    ears: Ears, owner: Person, group: Group
) -> None:
    owner.say("/stop hello", group)
    owner.say("/projects", group)
    await ears.listen()

    [asking] = [row for row in await ears.rows() if row.key.startswith("answer:")]

    assert asking.content.buttons[0][0].choice.command == "/stop hello"  # type: ignore[union-attr]
    assert await ears.said(f"{group.id}:0") == ["/projects"]


async def test_a_reply_speaks_to_the_run_of_the_message(
    ears: Ears, owner: Person, telegram: FakeTelegram
) -> None:
    owner.say("/new web-service hello")
    await ears.listen()
    [run] = await ears.runs(PRIVATE)
    message = await ears.bot.send_message(OWNER, "Done.")
    await ears.one(
        """
        INSERT INTO outbox (key, chat_id, run_number, content, solicited, message_id)
        VALUES ('r', %s, %s, '{"type": "words", "text": "Done."}', false, %s) RETURNING id
        """,
        OWNER,
        run.number,
        message.message_id,
    )
    owner.say("cancel", reply_to=message.message_id)
    await ears.listen()

    about = await ears.one("SELECT body -> 'about_run' FROM turns WHERE body ->> 'text' = 'cancel'")

    assert about == run.number


async def test_an_ok_to_a_colleague_approves_nothing(
    ears: Ears, owner: Person, operator: Person, forum: Group
) -> None:
    owner.say("/new@telewright_bot web-service hello", forum)
    await ears.listen()
    topic = next(one for one in forum.topics if one.name == "hello")
    there = f"{forum.id}:{topic.id}"
    chat = Chat(ears.database, None, ears.conversation)  # type: ignore[arg-type]
    [approval] = await chat.ask((await ears.runs(there))[0], plan_question())
    asked = operator.say("@olga, lunch at one?", topic)
    owner.say("ok", topic, reply_to=asked)
    owner.say("@otto yes", topic)
    owner.say("yes", topic)
    await ears.listen()

    assert await ears.said(there) == ["/new web-service hello", "yes"]
    assert (await chat.approval(approval)).status == "pending"


async def test_a_forwarded_command_is_not_carried_out(
    ears: Ears, owner: Person, operator: Person, telegram: FakeTelegram
) -> None:
    operator.say("hello")
    message = operator.say("/new web-service evil")
    owner.forward(message)
    await ears.listen()

    assert await ears.runs(PRIVATE) == []
    assert await ears.said(PRIVATE) == ["Forwarded from Otto: /new web-service evil"]


async def test_an_edit_of_what_was_handled_changes_nothing(ears: Ears, owner: Person) -> None:
    message = owner.say("/whoami")
    await ears.listen()
    owner.edit(message, "/projects")
    await ears.listen()

    assert await ears.said(PRIVATE) == ["/whoami"]
    assert [row for row in await ears.rows() if row.chat_id == OWNER] == []


async def test_of_a_message_that_was_edited_while_we_were_away_the_newest_version_counts(
    ears: Ears, owner: Person, telegram: FakeTelegram
) -> None:
    message = owner.say("/status helo")
    owner.edit(message, "/status hello")
    for update in telegram.world.updates.pending.values():
        for sent in (update[kind] for kind in ("message", "edited_message") if kind in update):
            sent["date"] -= 60
    await ears.listen()

    assert await ears.said(PRIVATE) == ["/status hello"]
