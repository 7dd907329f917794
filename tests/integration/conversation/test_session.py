"""A conversation is looked at, and begun anew, without anything that is at work being touched."""

from __future__ import annotations

import pytest

from graph.conversation.replies import CommandChoice, Reply
from shared.ledger import audit, sessions
from shared.ledger.runs import Status
from shared.ledger.sessions import Session
from shared.ledger.users import Role
from tests.integration.conversation.chat import Chat, Person, plan_question

pytestmark = pytest.mark.timeout(60)


async def row(chat: Chat, person: Person) -> Session:
    async with chat.database.connection() as connection:
        session = await sessions.get(connection, person.session_id)
    assert session is not None
    return session


async def ask_for_comment(chat: Chat, person: Person) -> Reply:
    await person.say("/new web-service hello")
    await chat.ask(await chat.newest_run(person), plan_question())
    asked = await person.say("/reject")
    assert asked.awaited is not None
    return asked


async def test_a_session_shows_what_it_is(chat: Chat, owner: Person) -> None:
    await owner.say("/new web-service hello")
    run = await chat.newest_run(owner)

    shown = await owner.say("/session")

    assert "front: test" in shown.plain
    assert "turns: 3" in shown.plain
    assert f"under way: run {run.number} (Build hello)" in shown.plain
    assert "model: none: commands and a small set of sentences" in shown.plain
    assert shown.choices == [CommandChoice(label="Begin anew", command="/session reset")]


async def test_to_look_at_a_session_does_not_forget_what_was_asked_for(chat: Chat, owner: Person) -> None:
    await ask_for_comment(chat, owner)

    assert (await owner.say("/session")).awaited is not None


async def test_a_session_begun_anew_has_forgotten_what_it_asked_people_for_and_nothing_else(
    chat: Chat, owner: Person
) -> None:
    other = await chat.person(Role.OPERATOR)
    asked = await ask_for_comment(chat, owner)
    await other.say("/reject")

    reset = await owner.say("/session reset")

    assert reset.plain.startswith("This conversation begins anew.")
    assert "1 run goes on" in reset.plain
    assert (await chat.newest_run(owner)).status is Status.WAITING
    for person in (owner, other):
        assert "I did not understand that" in (await person.say("make it blue")).plain
    async with chat.database.connection() as connection:
        [entry] = await audit.of_subject(connection, f"session:{owner.session_id}")
    assert (entry.action, entry.user_id) == ("session.reset", owner.user.id)
    assert (await owner.say("approve")).approval_id == asked.approval_id


async def test_a_session_is_begun_anew_once_however_often_it_is_said(chat: Chat, owner: Person) -> None:
    await owner.say("/whoami")
    await owner.say("/session reset", number="7")
    once = await row(chat, owner)

    await owner.say("/session reset", number="7")
    assert await row(chat, owner) == once
    again = await owner.say("/session reset")

    assert again.plain == "This conversation has only just been begun anew."
    assert (await row(chat, owner)).spec == once.spec
    assert (await row(chat, owner)).generation == once.generation == 2
    assert "turns: 3 since it was begun anew, 7 in all" in (await owner.say("/session")).plain


async def test_a_viewer_looks_and_does_not_begin_anew(chat: Chat, owner: Person) -> None:
    viewer = await chat.person(Role.VIEWER)

    assert (await viewer.say("/session")).error is None
    assert (await viewer.say("/session reset")).error == "viewers_only_look"
    assert (await viewer.say("/session delete")).error == "nothing_but_reset"
    assert (await row(chat, owner)).generation == 1
