"""Nobody keeps the bot from the others, and nothing is left out in silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiogram import Bot, Dispatcher, Router
from aiogram.types import CallbackQuery, Message, Update

from bot.arrived import Arrived
from bot.handling import Handling
from bot.reception import Reception
from bot.throttle import Throttle
from shared.database import Database
from tests.engine import until
from tests.receiving import GUEST_ID, OWNER_ID, Inbox, reception, running, said
from tests.updates import chat, person, update


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
    desk.clock.s += 2
    await desk.send(*(said(number) for number in range(21, 41)))
    assert desk.executed == list(range(1, 27))


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
    mine: tuple[dict[str, Any], dict[str, Any]] = (chat(OWNER_ID, "private"), person(OWNER_ID))
    await desk.send(*(update("callback_query", *mine, number=number) for number in range(1, 24)))

    assert len(desk.executed) == 20
    assert [told["type"] for told in await inbox.outbox()] == ["toast"] * 3
