"""Nobody keeps the bot from the others, and nothing is left out in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.types import CallbackQuery, Message, TelegramObject, Update

from bot import outbox
from bot.arrived import Arrived
from bot.aside import Aside
from bot.handling import Handling
from bot.outgoing import Button, Words
from bot.places import Place
from bot.reception import Reception
from bot.throttle import Throttle
from graph.conversation.replies import CommandChoice, DecisionChoice
from shared.database import Database
from shared.ids import ApprovalId
from tests.engine import until
from tests.receiving import GUEST_ID, OWNER_ID, Inbox, group, reception, running, said
from tests.updates import DATE, chat, person, update


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class Desk:
    """Updates go in at one end, and come out of the throttle at the other."""

    def __init__(self, inbox: Inbox, desk: Reception, clock: Clock, woken: list[int]) -> None:
        self._inbox = inbox
        self._desk = desk
        self.clock = clock
        self.woken = woken
        self.executed: list[int] = []

    async def send(self, *sent: Update) -> None:
        """Have these handled."""
        await self._desk.take(sent)
        await until(self._inbox.all_handled)

    async def note(self, _: Message | CallbackQuery, arrived: Arrived) -> None:
        self.executed.append(arrived.update.update_id)


@pytest.fixture
async def desk(database: Database, bot: Bot, inbox: Inbox) -> AsyncIterator[Desk]:
    clock, woken = Clock(), list[int]()
    dispatcher, router = Dispatcher(), Router()
    dispatcher.update.outer_middleware(Throttle(database, wake_sender=woken.append, now=clock))
    dispatcher.include_router(router)

    async def handle(arrived: Arrived) -> None:
        await dispatcher.feed_update(bot, arrived.update, arrived=arrived)

    handling = Handling(database, bot, handle, wake_sender=woken.append)
    desk = Desk(inbox, await reception(database, wake=handling.wake), clock, woken)
    router.message.register(desk.note)
    router.callback_query.register(desk.note)
    async with running(handling.run()):
        yield desk


async def test_a_flood_is_executed_up_to_the_measure_and_told_once(desk: Desk, inbox: Inbox) -> None:
    await desk.send(*(said(number) for number in range(1, 51)))

    assert desk.executed == list(range(1, 21))
    [told] = await inbox.outbox()
    assert told["type"] == "words"
    assert desk.woken == [OWNER_ID]


async def test_over_time_three_a_second_pass(desk: Desk) -> None:
    await desk.send(*(said(number) for number in range(1, 21)))
    desk.clock.s += 5
    await desk.send(*(said(number) for number in range(21, 41)))
    assert desk.executed == list(range(1, 36))


async def test_the_notice_comes_again_after_a_minute(desk: Desk, inbox: Inbox) -> None:
    await desk.send(*(said(number) for number in range(1, 31)))
    desk.clock.s += 59
    await desk.send(*(said(number) for number in range(31, 61)))
    assert len(await inbox.outbox()) == 1
    desk.clock.s += 2
    await desk.send(*(said(number) for number in range(61, 91)))
    assert len(await inbox.outbox()) == 2


async def test_one_persons_flood_is_nobody_elses(desk: Desk) -> None:
    await desk.send(*(said(number) for number in range(1, 31)))
    await desk.send(said(31, person=GUEST_ID))
    assert desk.executed[-1] == 31


async def test_whoever_presses_too_often_is_told_where_they_press(desk: Desk, inbox: Inbox) -> None:
    await desk.send(*(press(number) for number in range(1, 24)))

    assert len(desk.executed) == 20
    assert [told["type"] for told in await inbox.outbox()] == ["toast", "words", "toast", "toast"]


async def test_no_press_is_left_out_that_changes_something(desk: Desk, inbox: Inbox) -> None:
    decides, shows = await offer(inbox)

    await desk.send(*(said(number) for number in range(1, 21)))
    await desk.send(*(press(number, decides) for number in range(21, 51)), press(51, shows))

    assert desk.executed == list(range(1, 51))


async def test_whoever_presses_as_no_finger_can_is_told_also_where_that_would_change_something(
    desk: Desk, inbox: Inbox
) -> None:
    decides, _ = await offer(inbox)

    await desk.send(*(press(number, decides) for number in range(1, 84)))

    assert desk.executed == list(range(1, 81))
    assert [told["type"] for told in (await inbox.outbox())[2:]] == ["toast", "words", "toast", "toast"]


async def test_a_notice_in_a_group_replies_to_what_was_too_much(desk: Desk, inbox: Inbox) -> None:
    await desk.send(*(said(number, chat=group()) for number in range(1, 22)))

    [notice] = await inbox.outbox()
    assert notice["reply_to"] == 21


async def test_what_gathered_at_telegram_is_not_too_much_at_once(desk: Desk, inbox: Inbox) -> None:
    await desk.send(*(said(number, date=DATE + number) for number in range(1, 61)))

    assert desk.executed == list(range(1, 61))
    assert await inbox.outbox() == []


async def test_what_gathered_in_the_inbox_is_not_too_much_at_once(
    database: Database, bot: Bot, inbox: Inbox
) -> None:
    presses = [press(number) for number in range(1, 61)]
    await (await reception(database)).take(presses)
    async with database.connection() as connection:
        await connection.execute("UPDATE inbox SET received_at = now() - (60 - id) * interval '1 s'")
    executed: list[int] = []
    throttle = Throttle(database, wake_sender=lambda _: None, now=Clock())

    async def pass_on(_: TelegramObject, data: dict[str, Any]) -> None:
        executed.append(data["arrived"].update.update_id)

    async def handle(arrived: Arrived) -> None:
        await throttle(pass_on, arrived.update, {"arrived": arrived})

    async with running(Handling(database, bot, handle, wake_sender=lambda _: None).run()):
        await until(inbox.all_handled)
    assert executed == list(range(1, 61))


async def test_what_was_left_out_stays_so_whoever_speaks_next(
    database: Database, bot: Bot, inbox: Inbox
) -> None:
    await (await reception(database)).take([said(number) for number in range(1, 24)])
    throttle = Throttle(database, wake_sender=lambda _: None, now=Clock())
    left_out: list[Arrived] = []
    looked = asyncio.Event()

    async def pass_on(_: TelegramObject, __: dict[str, Any]) -> None:
        pass

    async def handle(arrived: Arrived) -> None:
        await throttle(pass_on, arrived.update, {"arrived": arrived})
        if arrived.update.update_id > 20:
            left_out.append(arrived)
        if arrived.update.update_id == 23:
            looked.set()
            await asyncio.Event().wait()

    # Nothing else marks them: it is killed before it looks again.
    handling = Handling(database, bot, handle, wake_sender=lambda _: None)
    async with running(handling.run()):
        async with asyncio.timeout(10):
            await looked.wait()
    rows = {row.id: row for row in await inbox.rows()}
    assert [rows[one.inbox_id].handled for one in left_out] == [True] * 3


async def test_what_stepped_aside_has_passed_when_it_comes_back(
    database: Database, bot: Bot, inbox: Inbox
) -> None:
    await (await reception(database)).take([said(number) for number in range(1, 22)])
    throttle = Throttle(database, wake_sender=lambda _: None, now=Clock())
    file: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    executed: list[int] = []

    async def wait_for_the_first(_: TelegramObject, data: dict[str, Any]) -> None:
        number = data["arrived"].update.update_id
        if number == 1 and not file.done():
            raise Aside([file])
        executed.append(number)
        if number == 20:
            file.set_result(None)

    async def handle(arrived: Arrived) -> None:
        await throttle(wait_for_the_first, arrived.update, {"arrived": arrived})

    async with running(Handling(database, bot, handle, wake_sender=lambda _: None).run()):
        await until(inbox.all_handled)
    assert executed == [*range(2, 21), 1]


def press(number: int, button_id: str = "x") -> Update:
    pressed = {"data": button_id}
    return update("callback_query", chat(OWNER_ID, "private"), person(OWNER_ID), pressed, number=number)


async def offer(inbox: Inbox) -> tuple[str, str]:
    """Put a button that decides and one that only looks, and return their ids."""
    decision = DecisionChoice(label="Approve", approval_id=ApprovalId(uuid4()), key="approve")
    looks = CommandChoice(label="Details", command="/details 1")
    async with inbox.database.transaction() as tx:
        for choice in (decision, looks):
            content = Words(text="?", buttons=[[Button(text=choice.label, choice=choice)]])
            await outbox.put(tx, key=choice.label, place=Place(OWNER_ID), content=content, solicited=True)
    decides, shows = [content["buttons"][0][0]["id"] for content in await inbox.outbox()]
    return decides, shows
