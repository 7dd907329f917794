"""A clock that jumps: what was written by another time is said once, and handled in order, all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot

from bot.arrived import Arrived
from bot.handling import Handling
from shared.database import Database
from tests.engine import until
from tests.fakes.telegram import FakeTelegram, Person
from tests.receiving import Inbox, reception, running
from tests.receiving import said as heard
from tests.sending import speaking

JUMPS = pytest.mark.parametrize("hours", [-30, 30], ids=["set-forward", "set-back"])
"""What was written has times of so many hours from now: the clock was set the other way since."""


@pytest.fixture
async def telegram() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as telegram:
        yield telegram


@pytest.fixture
def ann(telegram: FakeTelegram) -> Person:
    person = telegram.user(1, "Ann")
    person.say("hello")
    return person


async def jump(database: Database, hours: int) -> None:
    """Give all that was written the times that another clock would have given it."""
    async with database.transaction() as tx:
        await tx.execute(
            """
            UPDATE outbox SET created_at = created_at + jump, due_at = due_at + jump, sent_at = sent_at + jump
              FROM make_interval(hours => %s) AS jump
            """,
            [hours],
        )
        await tx.execute("UPDATE inbox SET received_at = received_at + make_interval(hours => %s)", [hours])


@JUMPS
async def test_what_waits_is_said_once_and_in_order(
    database: Database, telegram: FakeTelegram, ann: Person, hours: int
) -> None:
    async with speaking(database, telegram) as before:
        await before.settled(await before.put(ann, "said before"))
    async with speaking(database, telegram, running=False) as silent:
        waiting = [await silent.put(ann, text, key=text) for text in ("first", "second")]
    await jump(database, hours)

    async with speaking(database, telegram) as speaker:
        new = await speaker.put(ann, "third", key="third")
        await speaker.settled(*waiting, new)

    texts = [message.text for message in telegram.messages(ann, by_bot=True)]
    assert texts == ["said before", "first", "second", "third"]


@JUMPS
async def test_what_a_dead_speaker_had_sent_is_found_and_not_said_again(
    database: Database, telegram: FakeTelegram, ann: Person, hours: int
) -> None:
    async with speaking(database, telegram) as dead:
        await dead.settled(await dead.put(ann, "before"), await dead.put(ann, "just sent", key="sent"))
        async with database.transaction() as tx:
            await tx.execute("UPDATE outbox SET status = 'sending', message_id = NULL WHERE key = 'sent'")
    await jump(database, hours)

    async with speaking(database, telegram) as speaker:
        await speaker.settled("sent")

    assert [message.text for message in telegram.messages(ann, by_bot=True)] == ["before", "just sent"]


@JUMPS
async def test_what_came_in_is_handled_in_the_order_in_which_it_came(
    database: Database, bot: Bot, inbox: Inbox, hours: int
) -> None:
    desk, handled = await reception(database), list[int]()

    async def note(arrived: Arrived) -> None:
        handled.append(arrived.update.update_id)

    await desk.take([heard(1, "one"), heard(2, "two")])
    await jump(database, hours)
    await desk.take([heard(3, "three")])
    async with running(Handling(database, bot, note, wake_sender=lambda _: None).run()):
        await until(inbox.all_handled)

    assert handled == [1, 2, 3]
