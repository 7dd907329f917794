"""A reply to a run's message speaks to that run, whatever else is going on."""

from __future__ import annotations

import pytest

from graph.conversation import Decision
from shared.ledger.approvals import Approval
from shared.ledger.runs import Run, Status
from shared.ledger.users import Role
from tests.integration.conversation.chat import Chat, Person, Server, plan_question, text_question

pytestmark = pytest.mark.timeout(60)


async def build(chat: Chat, person: Person, name: str = "hello") -> Run:
    await person.say(f"/new web-service {name}")
    return await chat.newest_run(person)


async def work_on(chat: Chat, person: Person, name: str) -> Run:
    await chat.project(name, person)
    await person.say(f"/deploy {name}")
    return await chat.newest_run(person)


@pytest.mark.parametrize("said", ["yes", "approve", "/approve", "Approve"])
async def test_a_yes_approves_what_that_run_asks_and_nothing_else(
    chat: Chat, owner: Person, said: str
) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    [asked], [elsewhere] = (
        await chat.ask(one, plan_question()),
        await chat.ask(other, plan_question("Other?")),
    )

    assert (await owner.reply(one, said)).plain == f"Noted for run {one.number}: Approve."

    assert (await chat.approval(asked)).status == "decided"
    assert (await chat.approval(elsewhere)).status == "pending"


@pytest.mark.parametrize("said", ["no, because it is red", "/reject it is red"])
async def test_a_no_with_a_comment_reaches_that_run(chat: Chat, owner: Person, said: str) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    [asked], _ = await chat.ask(one, plan_question()), await chat.ask(other, plan_question("Other?"))

    await owner.reply(one, said)

    answer = (await chat.approval(asked)).answer
    assert answer is not None
    assert answer["choice"] == "reject"
    assert answer["text"].endswith("it is red")


@pytest.mark.parametrize("said", ["hello-again", "/answer hello-again"])
async def test_a_free_text_answers_that_run(chat: Chat, owner: Person, said: str) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    [asked], [elsewhere] = await chat.ask(one, text_question()), await chat.ask(other, text_question())

    await owner.reply(one, said)

    answer = (await chat.approval(asked)).answer
    assert answer is not None
    assert answer["text"] == "hello-again"
    assert (await chat.approval(elsewhere)).status == "pending"


@pytest.mark.parametrize("said", ["yes", "no", "/approve", "/reject", "/answer blue", "make it blue"])
async def test_a_run_that_asks_nothing_says_so_and_no_other_question_is_answered(
    chat: Chat, owner: Person, said: str
) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    [elsewhere] = await chat.ask(other, plan_question("Other?"))
    await chat.finish(one)

    refused = await owner.reply(one, said)

    assert refused.error == "nothing_waits"
    assert refused.plain.startswith(f"Run {one.number}, Build hello, asks nothing: it succeeded")
    assert (await chat.approval(elsewhere)).status == "pending"


async def test_what_is_no_answer_to_the_run_lists_its_answers(chat: Chat, owner: Person) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    await chat.ask(one, plan_question())
    await chat.ask(other, plan_question("Other?"))

    reply = await owner.reply(one, "it should be blue")

    assert reply.plain == f"Run {one.number} asks: Build hello? The answers are Approve or Change it."


async def test_a_comment_that_was_asked_for_is_not_taken_from_a_reply_to_another_run(
    chat: Chat, owner: Person
) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    [asked] = await chat.ask(one, plan_question())
    await chat.ask(other, text_question())
    await owner.reply(one, "/reject")

    await owner.reply(other, "hello-again")
    assert (await chat.approval(asked)).status == "pending"

    await owner.say("make it blue")
    answer = (await chat.approval(asked)).answer
    assert answer is not None
    assert answer["text"] == "make it blue"


@pytest.mark.parametrize("said", ["/cancel", "cancel"])
async def test_cancel_is_for_that_run(chat: Chat, owner: Person, said: str) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")

    await owner.reply(one, said)

    states = {run.number: run.status for run in await chat.runs(owner)}
    assert states == {one.number: Status.CANCELLED, other.number: Status.QUEUED}


async def test_status_is_that_runs_and_logs_are_its_projects(
    chat: Chat, owner: Person, server: Server
) -> None:
    one, other = await work_on(chat, owner, "hello"), await work_on(chat, owner, "other")
    server.log |= {"hello": "hello's line", "other": "other's line"}

    status = (await owner.reply(one, "/status")).plain

    assert f"Run {one.number}, Deploy hello: it is queued" in status
    assert "seen: not on its server" in status
    assert "other" not in status
    assert (
        await owner.reply(one, "/logs")
    ).plain == "This is about hello. The last 1 line of hello:\nhello's line"
    assert "other's line" in (await owner.reply(other, "show logs")).plain
    assert "other's line" in (await owner.reply(one, "/logs other")).plain


async def test_a_run_without_a_project_has_no_logs(chat: Chat, owner: Person) -> None:
    one = await build(chat, owner)
    await chat.project("other", owner)

    refused = await owner.reply(one, "/logs")

    assert refused.plain.startswith(f"Run {one.number}, Build hello, has no project yet.")
    assert (await owner.reply(one, "/status")).run_number == one.number


async def test_a_number_behind_the_command_wins(chat: Chat, owner: Person) -> None:
    one, other = await build(chat, owner), await build(chat, owner, "other")
    await chat.ask(one, plan_question())
    [asked] = await chat.ask(other, plan_question("Other?"))

    await owner.reply(one, f"/approve {other.number}")

    assert (await chat.approval(asked)).status == "decided"


async def test_a_run_that_there_is_not_is_refused_and_the_refusal_stands(chat: Chat, owner: Person) -> None:
    assert (await owner.send(text="yes", about_run=999_999)).error == "no_such_run"


async def test_a_wish_may_be_a_reply_as_well(chat: Chat, owner: Person) -> None:
    one = await build(chat, owner)
    await chat.finish(one)

    reply = await owner.reply(one, "Create a web service called other")

    assert "is queued: Build other." in reply.plain


async def two_that_ask(chat: Chat, person: Person) -> tuple[tuple[Run, Approval], tuple[Run, Approval]]:
    one, other = await build(chat, person), await build(chat, person, "other")
    [asked], [elsewhere] = (
        await chat.ask(one, plan_question()),
        await chat.ask(other, plan_question("Other?")),
    )
    return (one, asked), (other, elsewhere)


async def comment_on(chat: Chat, approval: Approval) -> str | None:
    answer = (await chat.approval(approval)).answer
    return answer["text"] if answer else None


async def test_a_reply_to_a_prompt_is_the_comment_on_its_question_whatever_was_asked_for_since(
    chat: Chat, owner: Person
) -> None:
    (one, asked), (other, elsewhere) = await two_that_ask(chat, owner)
    prompt = await owner.press(Decision(approval_id=asked.id, choice="reject"))
    await owner.press(Decision(approval_id=elsewhere.id, choice="reject"))

    await owner.answer(one, asked, "name: for-one", prompt=True)

    assert prompt.asks_comment
    assert (prompt.run_number, prompt.approval_id) == (one.number, asked.id)
    assert await comment_on(chat, asked) == "name: for-one"
    assert (await chat.approval(elsewhere)).status == "pending"
    await owner.answer(other, elsewhere, "name: for-other", prompt=True)
    assert await comment_on(chat, elsewhere) == "name: for-other"


async def test_a_reply_to_a_prompt_is_the_comment_after_a_command_that_starts_something_else(
    chat: Chat, owner: Person
) -> None:
    (one, asked), _ = await two_that_ask(chat, owner)
    await owner.press(Decision(approval_id=asked.id, choice="reject"))
    await owner.say("/new web-service third")

    await owner.answer(one, asked, "larger", prompt=True)

    assert await comment_on(chat, asked) == "larger"


async def test_another_questions_button_leaves_the_comment_asked_for(chat: Chat, owner: Person) -> None:
    (_, asked), (_, elsewhere) = await two_that_ask(chat, owner)
    await owner.press(Decision(approval_id=asked.id, choice="reject"))

    approved = await owner.press(Decision(approval_id=elsewhere.id, choice="approve"))
    await owner.say("larger")

    assert not approved.asks_comment
    assert await comment_on(chat, asked) == "larger"


async def test_another_answer_to_the_same_question_asks_for_no_comment_any_more(
    chat: Chat, owner: Person
) -> None:
    (_, asked), _ = await two_that_ask(chat, owner)
    await owner.press(Decision(approval_id=asked.id, choice="reject"))

    assert (await owner.press(Decision(approval_id=asked.id, choice="approve"))).awaited is None


async def test_a_prompt_takes_the_comment_of_who_was_asked_alone(chat: Chat, owner: Person) -> None:
    (one, asked), _ = await two_that_ask(chat, owner)
    operator = await chat.person(Role.OPERATOR)
    await owner.press(Decision(approval_id=asked.id, choice="reject"))

    reply = await operator.answer(one, asked, "smaller", prompt=True)

    assert "The answers are Approve or Change it." in reply.plain
    assert (await chat.approval(asked)).status == "pending"


async def test_a_reply_to_the_prompt_of_a_question_that_is_over_says_who_decided(
    chat: Chat, owner: Person
) -> None:
    (one, asked), _ = await two_that_ask(chat, owner)
    operator = await chat.person(Role.OPERATOR)
    await owner.press(Decision(approval_id=asked.id, choice="reject"))
    await operator.press(Decision(approval_id=asked.id, choice="approve"))

    reply = await owner.answer(one, asked, "Create a web service called third", prompt=True)

    assert reply.error == "approval_closed"
    assert "test:operator" in reply.plain
    assert len(await chat.runs(owner)) == 2


@pytest.mark.parametrize("said", ["yes", "/approve", "hello-again"])
async def test_a_reply_to_a_question_that_is_over_answers_no_later_one_of_its_run(
    chat: Chat, owner: Person, said: str
) -> None:
    one = await build(chat, owner)
    [asked] = await chat.ask(one, plan_question())
    await owner.press(Decision(approval_id=asked.id, choice="approve"))
    _, later = await chat.ask(one, text_question())

    reply = await owner.answer(one, asked, said)

    assert reply.error == "approval_closed"
    assert (await chat.approval(later)).status == "pending"


@pytest.mark.parametrize("said", ["ok", "Yes!", "no", "no, because of lunch", "reject: not now", "Approve"])
async def test_among_people_a_bare_answer_decides_nothing_and_is_asked_about(
    chat: Chat, owner: Person, said: str
) -> None:
    [asked] = await chat.ask(await build(chat, owner), plan_question())
    owner.in_company = True

    reply = await owner.say(said)

    assert reply.plain.startswith(
        "If that was your answer, reply to the question with it, or press a button."
    )
    assert [choice.label for choice in reply.choices] == ["Approve", "Change it"]
    assert (await chat.approval(asked)).status == "pending"


async def test_among_people_a_text_is_the_answer_to_no_question_that_it_does_not_reply_to(
    chat: Chat, owner: Person
) -> None:
    one = await build(chat, owner)
    [asked] = await chat.ask(one, text_question())
    owner.in_company = True

    overheard = await owner.say("let us have lunch")
    listed = await owner.say("/approvals")
    assert overheard.plain.startswith("If that was your answer, reply to the question with it")
    assert listed.error is None
    assert (await chat.approval(asked)).status == "pending"

    await owner.answer(one, asked, "hello-again")
    assert (await chat.approval(asked)).status == "decided"


async def test_among_people_a_wish_is_heard_while_a_text_is_waited_for(chat: Chat, owner: Person) -> None:
    [asked] = await chat.ask(await build(chat, owner), text_question())
    owner.in_company = True

    await owner.say("Create a web service called second")

    assert (await chat.approval(asked)).status == "pending"
    assert len(await chat.runs(owner)) == 2


async def test_among_people_a_comment_replies_to_its_prompt_or_its_question(
    chat: Chat, owner: Person
) -> None:
    one = await build(chat, owner)
    [asked] = await chat.ask(one, plan_question())
    owner.in_company = True
    await owner.press(Decision(approval_id=asked.id, choice="reject"))

    overheard = await owner.say("let us have lunch")
    assert overheard.plain.startswith("If that was your answer, reply to the question with it")
    assert (await chat.approval(asked)).status == "pending"

    await owner.answer(one, asked, "smaller", prompt=True)
    assert (await chat.approval(asked)).status == "decided"


async def test_among_people_a_reply_to_the_question_decides(chat: Chat, owner: Person) -> None:
    one = await build(chat, owner)
    [asked] = await chat.ask(one, plan_question())
    owner.in_company = True

    await owner.answer(one, asked, "ok")

    assert (await chat.approval(asked)).status == "decided"
