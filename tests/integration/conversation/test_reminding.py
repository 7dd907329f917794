"""Whoever must decide is reminded before the time is over, once."""

from __future__ import annotations

import pytest

from cli.terminal.standing import Standing
from graph.conversation import Feed, Kind, Reply
from scheduler.recovery import Recovered
from shared.ledger.approvals import Approval
from tests.engine import Engine
from tests.integration.conversation.chat import Chat, Person, plan_question

pytestmark = pytest.mark.timeout(60)

HOUR = 3600


@pytest.fixture
def engine(chat: Chat) -> Engine:
    return Engine(chat.database, chat.live)


async def ask(chat: Chat, person: Person, *, hours: float) -> Approval:
    await person.say("/new web-service hello")
    [asked] = await chat.ask(await chat.newest_run(person), plan_question(expires_in_s=round(hours * HOUR)))
    return asked


async def let_pass(chat: Chat, *, hours: float) -> None:
    """Let all questions be older."""
    async with chat.database.transaction() as tx:
        await tx.execute(
            """
            UPDATE approvals SET created_at = created_at - make_interval(secs => %(s)s),
                   expires_at = expires_at - make_interval(secs => %(s)s)
            """,
            {"s": hours * HOUR},
        )


async def told(feed: Feed, person: Person) -> list[Reply]:
    items = await feed.unread("bot", person.session_id)
    for item in items:
        await feed.acknowledge(item)
    return [item.reply for item in items if item.reply is not None]


@pytest.mark.parametrize(
    ("hours", "too_early", "early_enough", "left"),
    [(24, 22.9, 23.01, "59 min"), (2, 1.4, 1.51, "29 min"), (0.02, 0.01, 0.016, "14 s")],
)
async def test_a_reminder_comes_once_when_a_quarter_of_the_time_or_an_hour_is_left(
    chat: Chat, owner: Person, feed: Feed, engine: Engine,
    hours: float, too_early: float, early_enough: float, left: str,
) -> None:  # fmt: skip
    await feed.attach("bot", owner.session_id)
    asked = await ask(chat, owner, hours=hours)
    await told(feed, owner)

    await let_pass(chat, hours=too_early)
    assert (await engine.recover()).reminded_approvals == 0
    await let_pass(chat, hours=early_enough - too_early)
    assert (await engine.recover()).reminded_approvals == 1
    assert (await engine.recover()).reminded_approvals == 0

    [reminder] = await told(feed, owner)
    assert reminder.kind is Kind.NOTICE
    assert reminder.approval_id == asked.id
    assert [choice.label for choice in reminder.choices[:2]] == ["Approve", "Change it"]
    assert f"still waits: Build hello? {left}" in reminder.plain
    assert (await owner.press(reminder.choices[0])).error is None  # type: ignore[arg-type]


async def test_nobody_is_reminded_of_what_is_decided_or_over(
    chat: Chat, owner: Person, engine: Engine
) -> None:
    await ask(chat, owner, hours=24)
    await owner.say("approve")
    await let_pass(chat, hours=23.5)
    assert await engine.recover() == Recovered()

    await ask(chat, owner, hours=1)
    await let_pass(chat, hours=1.5)
    assert (await engine.recover()).reminded_approvals == 0


async def test_a_terminal_offers_the_question_again(
    chat: Chat, owner: Person, feed: Feed, engine: Engine
) -> None:
    await feed.attach("bot", owner.session_id)
    asked = await ask(chat, owner, hours=1)
    await let_pass(chat, hours=0.9)
    await engine.recover()
    standing = Standing()

    for reply in await told(feed, owner):
        standing.take(reply)

    assert standing.is_asked(asked.id)
    assert standing.offer is not None
    assert standing.offer.kind is Kind.NOTICE
