"""What there is to read before a question is decided: offered with it, kept once, shown when asked for."""

from __future__ import annotations

import json

import pytest

from graph.conversation import Feed, Reply
from graph.conversation.replies import Code, CommandChoice, File
from shared.ledger import approvals
from shared.ledger.approvals import Approval
from shared.ledger.questions import LONGEST_DETAIL, Detail, Question
from shared.ledger.runs import Run
from tests.integration.conversation.chat import Chat, Person, plan_question

pytestmark = pytest.mark.timeout(60)

LONG = "\n".join(f"+line {n}" for n in range(500))


def detailed(title: str = "Build hello?") -> Question:
    return plan_question(title, details=[Detail.of("Plan", "Make a file."), Detail.of("What changes", LONG)])


async def ask(chat: Chat, person: Person, question: Question) -> tuple[Run, Approval]:
    await person.say("/new web-service hello")
    run = await chat.newest_run(person)
    [asked] = await chat.ask(run, question)
    return run, asked


async def question_told(feed: Feed, person: Person) -> Reply:
    items = await feed.unread("bot", person.session_id)
    return next(one.reply for one in items if one.reply and one.reply.kind == "question")


async def test_a_question_offers_its_details_and_carries_none_of_their_text(
    chat: Chat, owner: Person, feed: Feed
) -> None:
    await feed.attach("bot", owner.session_id)
    run, asked = await ask(chat, owner, detailed())

    told = await question_told(feed, owner)

    assert told.choices[-1] == CommandChoice(label="Details", command=f"/details {run.number}")
    async with chat.database.connection() as connection:
        [(events,)] = await (
            await connection.execute("SELECT jsonb_agg(data)::text FROM events WHERE run_id = %s", [run.id])
        ).fetchall()
        texts = [one.text for one in await approvals.details_of(connection, asked.id)]
    assert "line 7" not in events + json.dumps(asked.question)
    assert texts == ["Make a file.", LONG]


async def test_a_question_without_details_offers_none(chat: Chat, owner: Person, feed: Feed) -> None:
    await feed.attach("bot", owner.session_id)
    await ask(chat, owner, plan_question())

    told = await question_told(feed, owner)

    assert not [choice for choice in told.choices if isinstance(choice, CommandChoice)]
    assert (await owner.say("/details")).plain.endswith("Build hello?\nProject: hello")


async def test_details_are_read_as_text_and_long_ones_are_files(chat: Chat, owner: Person) -> None:
    run, _ = await ask(chat, owner, detailed())

    reply = await owner.say("/details")

    assert Code(title="Plan", text="Make a file.") in reply.blocks
    assert File(name=f"run-{run.number}-what-changes.txt", content=LONG) in reply.blocks
    assert (await owner.say(f"/details {run.number}")).blocks == reply.blocks
    assert (await owner.reply(run, "/details")).blocks == reply.blocks


async def test_details_may_be_read_between_the_question_and_the_comment(chat: Chat, owner: Person) -> None:
    _, asked = await ask(chat, owner, detailed())
    await owner.say("/reject")

    assert (await owner.say("/details")).awaited is not None

    await owner.say("make it blue")
    assert (await chat.approval(asked)).status == "decided"


async def test_what_was_decided_can_be_read_later(chat: Chat, owner: Person) -> None:
    run, _ = await ask(chat, owner, detailed())
    await owner.say("approve")

    reply = await owner.say(f"/details {run.number}")

    assert Code(title="Plan", text="Make a file.") in reply.blocks
    assert "It was decided at " in reply.plain


async def test_where_nothing_was_asked_there_are_no_details(chat: Chat, owner: Person) -> None:
    assert (await owner.say("/details")).error == "nothing_waits"
    await owner.say("/new web-service hello")
    run = await chat.newest_run(owner)
    assert (await owner.say(f"/details {run.number}")).error == "nothing_waits"
    assert (await owner.say("/details 999999")).error == "no_such_run"
    assert (await owner.say("/details x")).error == "not_a_number"


def test_a_detail_is_cut_to_what_is_kept_and_holds_no_secret() -> None:
    secret = "ghp_" + "a1" * 18

    detail = Detail.of("Tests", f"token {secret}\n" + "x" * 2 * LONGEST_DETAIL)

    assert len(detail.text) == LONGEST_DETAIL
    assert secret not in detail.text
    assert detail.text.endswith("… cut here: there is more.")
