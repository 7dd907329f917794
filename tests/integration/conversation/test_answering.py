"""Answering what runs ask: buttons, commands, and plain words."""

from __future__ import annotations

import pytest

from graph.conversation import Conversation, Decision, Services
from graph.conversation.replies import CommandChoice, DecisionChoice, Kind
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.ledger.approvals import Approval
from shared.ledger.questions import Choice, Question
from shared.ledger.runs import Status
from shared.ledger.users import Role
from tests.integration.conversation.chat import CANCEL, Chat, Person, Server, plan_question, text_question

pytestmark = pytest.mark.timeout(60)


async def asked(chat: Chat, person: Person, *questions: Question) -> list[Approval]:
    await person.say("/new web-service hello")
    return await chat.ask(await chat.newest_run(person), *questions)


async def answer_to(chat: Chat, approval: Approval) -> tuple[str | None, str | None] | None:
    answer = (await chat.approval(approval)).answer
    return (answer["choice"], answer["text"]) if answer else None


@pytest.mark.parametrize(
    ("said", "choice", "text"),
    [
        ("approve", "approve", None),
        ("Approve!", "approve", None),
        ("yes", "approve", None),
        ("OK", "approve", None),
        ("yes, please", "approve", None),
        ("/approve", "approve", None),
        ("reject because the port is wrong", "reject", "the port is wrong"),
        ("reject: name: other", "reject", "name: other"),
        ("no, use static-site", "reject", "use static-site"),
        ("/reject use static-site\nand more", "reject", "use static-site\nand more"),
    ],
)
async def test_an_answer_in_words_is_the_choice_it_names(
    chat: Chat, owner: Person, said: str, choice: str, text: str | None
) -> None:
    [approval] = await asked(chat, owner, plan_question())

    reply = await owner.say(said)

    assert reply.error is None
    assert reply.approval_id == approval.id
    assert await answer_to(chat, approval) == (choice, text)


@pytest.mark.parametrize(
    "said", ["yes, but use postgres", "no idea", "approve nothing", "maybe", "not yet", "yesterday"]
)
async def test_words_that_are_not_clearly_an_answer_decide_nothing(
    chat: Chat, owner: Person, said: str
) -> None:
    [approval] = await asked(chat, owner, plan_question())

    assert "did not understand" in (await owner.say(said)).plain
    assert await answer_to(chat, approval) is None


async def test_a_text_where_none_is_asked_for_is_told_the_answers_as_they_are_read(
    chat: Chat, owner: Person
) -> None:
    await asked(chat, owner, plan_question())

    assert "The answers are: Approve, Change it." in (await owner.say("/answer blue")).plain


async def test_a_label_that_is_typed_is_its_choice(chat: Chat, owner: Person) -> None:
    choices = [Choice(key="again", label="Try again"), Choice(key="leave", label="Leave it")]
    [approval] = await asked(chat, owner, plan_question(choices=choices))

    reply = await owner.say("yes")
    assert "The answers are Try again or Leave it." in reply.plain
    assert [choice.label for choice in reply.choices] == ["Try again", "Leave it"]
    await owner.say("try again")

    assert await answer_to(chat, approval) == ("again", None)


@pytest.mark.parametrize("said", ["cancel", "Never mind"])
async def test_cancel_is_the_questions_own_choice_where_it_has_one(
    chat: Chat, owner: Person, said: str
) -> None:
    [approval] = await asked(chat, owner, plan_question(choices=[CANCEL]))

    await owner.say(said)

    assert await answer_to(chat, approval) == ("cancel", None)
    assert (await chat.newest_run(owner)).status is Status.WAITING


async def test_with_several_questions_it_is_asked_which_one(chat: Chat, owner: Person) -> None:
    first, second = await asked(chat, owner, plan_question("One?"), plan_question("Two?"))

    reply = await owner.say("approve")

    assert "Which one do you mean?" in reply.plain
    buttons = {choice.approval_id: choice for choice in reply.choices if isinstance(choice, DecisionChoice)}
    assert set(buttons) == {first.id, second.id}
    await owner.press(buttons[second.id])
    assert await answer_to(chat, first) is None
    assert await answer_to(chat, second) == ("approve", None)
    await owner.say("approve")
    assert await answer_to(chat, first) == ("approve", None)


async def test_a_run_may_be_named(chat: Chat, owner: Person) -> None:
    [first] = await asked(chat, owner, plan_question())
    number = (await chat.newest_run(owner)).number
    [second] = await asked(chat, owner, plan_question())

    await owner.say(f"approve run {number}")
    await owner.say(f"/reject {number + 1} use static-site")

    assert await answer_to(chat, first) == ("approve", None)
    assert await answer_to(chat, second) == ("reject", "use static-site")
    assert (await owner.say("/approve 99999")).error == "no_such_run"
    assert (await owner.say("/approve now")).error == "bad_input"


async def test_the_comment_is_asked_for_and_is_the_next_text(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())

    reply = await owner.say("reject")
    assert reply.awaited is not None
    assert await answer_to(chat, approval) is None
    looked = await owner.say("what is running?")
    assert looked.awaited == reply.awaited
    noted = await owner.say("deploy hello")

    assert await answer_to(chat, approval) == ("reject", "deploy hello")
    assert noted.kind is Kind.REMARK


async def test_the_comment_is_waited_for_from_who_said_so_alone(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())
    operator = await chat.person(Role.OPERATOR)
    await owner.press(Decision(approval_id=approval.id, choice="reject"))

    assert "did not understand" in (await operator.say("smaller")).plain
    await owner.say("larger")

    assert await answer_to(chat, approval) == ("reject", "larger")


@pytest.mark.parametrize("said", ["never mind", "cancel"])
async def test_a_comment_may_be_left(chat: Chat, owner: Person, said: str) -> None:
    [approval] = await asked(chat, owner, plan_question())
    await owner.say("reject")

    assert "nothing is decided" in (await owner.say(said)).plain
    assert "did not understand" in (await owner.say("larger")).plain
    assert await answer_to(chat, approval) is None


async def test_a_command_that_starts_something_else_leaves_the_comment(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())
    await owner.say("reject")

    assert (await owner.say("/new web-service other")).awaited is None
    assert "did not understand" in (await owner.say("larger")).plain
    assert await answer_to(chat, approval) is None


async def test_a_comment_may_be_none(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())
    await owner.say("reject")
    await owner.say("none")

    assert await answer_to(chat, approval) == ("reject", None)


async def test_a_comment_on_what_was_decided_meanwhile_says_by_whom(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())
    operator = await chat.person(Role.OPERATOR)
    await owner.say("reject")
    await operator.press(Decision(approval_id=approval.id, choice="approve"))

    reply = await owner.say("larger")

    assert reply.error == "approval_closed"
    assert "test:operator" in reply.plain
    assert "did not understand" in (await owner.say("larger")).plain


@pytest.mark.parametrize("over", ["expired", "decided"])
async def test_a_wish_is_heard_when_the_question_whose_comment_was_asked_for_is_over(
    chat: Chat, owner: Person, over: str
) -> None:
    [approval] = await asked(chat, owner, plan_question())
    await owner.say("reject")
    if over == "expired":
        async with chat.database.transaction() as tx:
            await tx.execute(
                "UPDATE approvals SET expires_at = now() - interval '1 day' WHERE id = %s", [approval.id]
            )
    else:
        await (await chat.person(Role.OPERATOR)).press(Decision(approval_id=approval.id, choice="approve"))

    reply = await owner.say("Create a web service called other")

    assert "is queued: Build other." in reply.plain
    assert reply.awaited is None
    assert await owner.conversation.awaited(owner.session_id, owner.user) is None


async def test_plain_text_answers_the_question_that_waits_for_it(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, text_question())

    assert "it waits for an answer" in (await owner.say("status")).plain
    await owner.say("hello-again")

    assert await answer_to(chat, approval) == (None, "hello-again")


async def test_text_is_never_given_to_one_of_several_questions_by_chance(chat: Chat, owner: Person) -> None:
    [first] = await asked(chat, owner, text_question())
    [second] = await asked(chat, owner, text_question("And this?"))

    reply = await owner.say("hello-again")

    commands = [choice.command for choice in reply.choices if isinstance(choice, CommandChoice)]
    assert len(commands) == 2
    assert await answer_to(chat, first) is None
    await owner.say(commands[1])
    assert await answer_to(chat, first) is None
    assert await answer_to(chat, second) == (None, "hello-again")


async def test_who_may_not_decide_is_told_who_may(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question(allowed_roles=[Role.OWNER]))
    operator = await chat.person(Role.OPERATOR)

    for said in ("approve", "reject", "/approve"):
        reply = await operator.say(said)
        assert reply.error == "may_not_decide"
        assert "Only owner may decide this." in reply.plain
    listed = await operator.say("/approvals")
    assert "It waits for owner" in listed.plain
    assert listed.choices == []
    assert len((await owner.say("/approvals")).choices) == 2
    assert await answer_to(chat, approval) is None


async def test_what_somebody_else_must_decide_is_not_decided_by_who_asked(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question(by_someone_else=True))
    second = await chat.person(Role.OWNER, name="second")

    assert (await owner.say("approve")).error == "may_not_decide"
    assert (await second.say("approve")).error is None
    assert await answer_to(chat, approval) == ("approve", None)


async def test_answers_from_another_chat_are_not_taken_for_this_one(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())
    elsewhere = await chat.person(Role.OWNER, name="other", chat="another")

    assert (await elsewhere.say("yes")).error == "nothing_waits"
    assert await answer_to(chat, approval) is None


async def test_a_stale_button_says_so(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())
    run = await chat.newest_run(owner)
    await owner.say(f"/cancel {run.number}")

    reply = await owner.press(Decision(approval_id=approval.id, choice="approve"))

    assert reply.error == "approval_closed"


async def test_nothing_waits_is_said(owner: Person) -> None:
    assert (await owner.say("/approvals")).plain == "Nothing waits for an answer."
    assert (await owner.say("approve")).error == "nothing_waits"
    assert (await owner.say("/answer hm")).error == "nothing_waits"


async def test_a_front_that_comes_back_finds_the_open_questions(chat: Chat, owner: Person) -> None:
    [approval] = await asked(chat, owner, plan_question())

    [question] = await owner.conversation.standing(owner.session_id)

    assert (question.kind, question.approval_id) == (Kind.QUESTION, approval.id)
    assert "Project: hello" in question.plain


@pytest.mark.parametrize("said", ["/reject", "no"])
async def test_a_no_to_trying_again_leaves_it(chat: Chat, owner: Person, said: str) -> None:
    again = plan_question(
        "Try again?",
        choices=[Choice(key="again", label="Try again"), Choice(key="leave", label="Leave it")],
    )
    [approval] = await asked(chat, owner, again)

    await owner.say(said)

    assert await answer_to(chat, approval) == ("leave", None)


async def test_a_front_that_comes_back_finds_the_comment_that_is_waited_for(
    chat: Chat, owner: Person
) -> None:
    other = await chat.person(Role.OPERATOR)
    [approval] = await asked(chat, owner, plan_question())
    await owner.say("reject")
    await other.say("/whoami")

    awaited = await owner.conversation.awaited(owner.session_id, owner.user)

    assert awaited is not None
    assert (awaited.approval_id, awaited.key) == (approval.id, "reject")
    assert await owner.conversation.awaited(owner.session_id, other.user) is None


async def test_an_awaited_comment_survives_a_restart(chat: Chat, owner: Person, database: Database) -> None:
    [approval] = await asked(chat, owner, plan_question())
    await owner.say("reject")
    restarted = Conversation(database, chat.live, Services(catalogue=catalogue, reader=Server()))

    await Person(restarted, owner.session_id, owner.user).say("larger")

    assert await answer_to(chat, approval) == ("reject", "larger")
