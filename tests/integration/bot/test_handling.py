"""What is in the inbox is handled once, in order per session, and nothing waits behind what fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import pytest
from aiogram import Bot
from aiogram.types import Update

from bot.arrived import Arrived
from bot.handling import Handling
from bot.reception import Reception
from graph.conversation import Stranger
from shared.database import Database
from shared.lease import LeaseLost
from shared.ledger import inbox as ledger
from shared.outages import outlast
from tests.engine import until
from tests.receiving import (
    GROUP_ID,
    GUEST_ID,
    OWNER_ID,
    Inbox,
    group,
    private,
    reception,
    running,
    said,
    sender,
)


class Handler:
    """Notes what it is given, and does with it what a test wants."""

    def __init__(self, does: Callable[[Arrived], Awaitable[None]] | None = None) -> None:
        self.given: list[Arrived] = []
        self._does = does

    async def __call__(self, arrived: Arrived) -> None:
        self.given.append(arrived)
        if self._does is not None:
            await self._does(arrived)

    @property
    def numbers(self) -> list[int]:
        return [one.update.update_id for one in self.given]


@pytest.fixture
async def desk(database: Database) -> Reception:
    return await reception(database)


def handling_by(
    database: Database, bot: Bot, handler: Handler, *, pause_s: float = 0.01, woken: list[int] | None = None
) -> Handling:
    wake = (woken if woken is not None else []).append
    return Handling(database, bot, handler, wake_sender=wake, pauses_s=(pause_s, pause_s))


async def test_a_handler_gets_all_that_is_known_and_the_row_is_marked(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    handler = Handler()
    await desk.take([said(7, "hello")])

    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    [arrived] = handler.given
    [row] = await inbox.rows()
    assert arrived.inbox_id == row.id
    assert arrived.external_id == "7"
    assert arrived.place.external_key == "1:0"
    assert (arrived.user.id, arrived.user.role) == ("telegram:1", "owner")
    assert arrived.update.bot is bot
    assert arrived.update.message is not None
    assert arrived.update.message.bot is bot


async def test_a_session_is_handled_one_by_one_in_telegrams_order_not_that_of_arrival(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    at_work = 0

    async def alone(_: Arrived) -> None:
        nonlocal at_work
        at_work += 1
        assert at_work == 1
        await asyncio.sleep(0.001)
        at_work -= 1

    handler = Handler(alone)
    for number in (5, 2, 9, 1, 7):
        await desk.take([said(number)])

    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    assert handler.numbers == [1, 2, 5, 7, 9]


async def test_what_comes_late_goes_before_what_waits_behind_it(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    go_on = asyncio.Event()

    async def wait_with_the_first(arrived: Arrived) -> None:
        if arrived.update.update_id == 1:
            await go_on.wait()

    handler = Handler(wait_with_the_first)
    handling = handling_by(database, bot, handler)
    await desk.take([said(1), said(4)])
    async with running(handling.run()):
        await until(lambda: _given(handler, 1))
        await desk.take([said(3)])
        handling.wake()
        await until(lambda: _held(handling, 3))
        go_on.set()
        await until(inbox.all_handled)

    assert handler.numbers == [1, 3, 4]


async def test_long_work_for_one_person_delays_nobody_else(
    database: Database, bot: Bot, desk: Reception
) -> None:
    async def never_end_with_the_owners(arrived: Arrived) -> None:
        if arrived.user.id == "telegram:1":
            await asyncio.Event().wait()

    handler = Handler(never_end_with_the_owners)
    await desk.take([said(number) for number in range(1, 400)])
    await desk.take([said(400, person=GUEST_ID)])

    async with running(handling_by(database, bot, handler).run()):
        await until(lambda: _given(handler, 400))

    assert sorted(handler.numbers) == [1, 400]


async def test_slow_work_for_many_people_delays_nobody_else(
    database: Database, bot: Bot, inbox: Inbox
) -> None:
    async def never_end_but_with_the_last(arrived: Arrived) -> None:
        if arrived.user.id != "telegram:50":
            await asyncio.Event().wait()

    handler = Handler(never_end_but_with_the_last)
    people = range(1, 51)
    desk = await reception(database, allowed=(*people, GROUP_ID))
    for person in people:
        for topic in range(1, 5):
            number = person * 10 + topic
            await desk.take(
                [said(number, person=person, chat=group(), message_thread_id=number, is_topic_message=True)]
            )

    async with running(handling_by(database, bot, handler).run()):
        await until(lambda: _given(handler, 504))

    assert len(handler.given) == 200


async def test_a_handler_that_hangs_is_given_up_and_its_sender_told(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def hang(arrived: Arrived) -> None:
        if arrived.update.update_id == 1:
            await asyncio.Event().wait()

    handler = Handler(hang)
    handling = Handling(
        database, bot, handler, wake_sender=lambda _: None, pauses_s=(0.01, 0.01), limit_s=0.05
    )
    await desk.take([said(1), said(2)])
    async with running(handling.run()):
        await until(inbox.all_handled)

    assert handler.numbers == [1, 1, 1, 2]
    assert len(await inbox.outbox()) == 1


async def test_what_ends_process_after_process_is_put_aside_and_its_sender_told(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def hang(_: Arrived) -> None:
        await asyncio.Event().wait()

    await desk.take([said(1)])
    for _ in range(5):
        handler = Handler(hang)
        # What becomes of a process that is killed in the middle: nothing more is written.
        async with running(handling_by(database, bot, handler).run()):
            await until(lambda handler=handler: _given(handler, 1))  # type: ignore[misc]

    handler = Handler()
    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    assert handler.given == []
    assert len(await inbox.outbox()) == 1


async def test_one_persons_many_topics_leave_room_for_the_others(
    database: Database, bot: Bot, desk: Reception
) -> None:
    async def never_end_with_the_owners(arrived: Arrived) -> None:
        if arrived.user.id == "telegram:1":
            await asyncio.Event().wait()

    handler = Handler(never_end_with_the_owners)
    await desk.take(
        [said(number, message_thread_id=number, is_topic_message=True) for number in range(1, 21)]
    )
    await desk.take([said(21, person=GUEST_ID)])

    async with running(handling_by(database, bot, handler).run()):
        await until(lambda: _given(handler, 21), within_s=10)
        await until(lambda: _given(handler, 4), within_s=10)

    assert sorted(handler.numbers) == [1, 2, 3, 4, 21]


async def test_what_is_noted_of_a_failure_holds_no_token(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def fail(_: Arrived) -> None:
        raise RuntimeError(f"404, url=/file/bot{bot.token}/a, {quote(bot.token)}")

    await desk.take([said(1)])
    async with running(handling_by(database, bot, Handler(fail)).run()):
        await until(inbox.all_handled)

    [row] = await inbox.rows()
    assert row.error is not None
    assert row.error.startswith("RuntimeError: 404, url=/file/bot")
    assert bot.token.partition(":")[2] not in row.error


async def test_a_long_line_is_worked_off_without_waiting_for_the_clock(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    handler = Handler()
    for first in range(1, 1000, 100):
        await desk.take([said(number) for number in range(first, first + 100)])

    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled, within_s=10)

    assert handler.numbers == list(range(1, 1001))


async def test_what_its_handler_has_marked_is_never_given_to_one_again(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def mark(arrived: Arrived) -> None:
        async with database.transaction() as tx:
            await ledger.mark_handled(tx, arrived.inbox_id)
        raise RuntimeError("after it was marked")

    handler = Handler(mark)
    await desk.take([said(1)])
    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)
    again = Handler()
    async with running(handling_by(database, bot, again).run()):
        await desk.take([said(1), said(2)])
        await until(lambda: _given(again, 2))

    assert again.numbers == [2]


async def test_what_fails_is_tried_three_times_then_put_aside_and_its_sender_told(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    woken: list[int] = []

    async def fail(arrived: Arrived) -> None:
        if arrived.update.update_id == 1:
            raise RuntimeError("broken\0")

    handler = Handler(fail)
    await desk.take([said(1, message_id=55), said(2)])

    async with running(handling_by(database, bot, handler, woken=woken).run()):
        await until(inbox.all_handled)

    assert handler.numbers == [1, 1, 1, 2]
    failed, passed = await inbox.rows()
    assert (failed.attempts, passed.attempts) == (3, 0)
    assert failed.error is not None
    assert "broken" in failed.error
    assert passed.error is None
    [told] = await inbox.outbox()
    assert handler.given[0].trace_id in told["text"]
    assert told["reply_to"] == 55
    assert woken == [OWNER_ID]


async def test_an_apology_in_a_topic_names_no_message_of_another(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def fail(_: Arrived) -> None:
        raise RuntimeError

    general = said(1, "/new a", chat=group())
    topic = said(2, "b", chat=group(), message_thread_id=7, is_topic_message=True)
    await desk.take([general, topic])
    async with database.transaction() as tx:
        # A topic was opened for the first, which belongs there from then on.
        await tx.execute(
            "UPDATE inbox SET session_id = (SELECT session_id FROM inbox WHERE external_id = '2')"
        )
    async with running(handling_by(database, bot, Handler(fail)).run()):
        await until(inbox.all_handled)

    assert [told.get("reply_to") for told in await inbox.outbox()] == [None, 2]


async def test_whoever_pressed_a_button_that_fails_is_told_there(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:

    async def fail(_: Arrived) -> None:
        raise RuntimeError("broken")

    await desk.take([pressed(1)])
    async with running(handling_by(database, bot, Handler(fail)).run()):
        await until(inbox.all_handled)

    [told] = await inbox.outbox()
    assert (told["type"], told["query_id"], told["alert"]) == ("toast", "q1", True)
    assert len(told["text"]) <= 200


async def test_attempts_are_remembered_over_a_restart(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def fail(_: Arrived) -> None:
        raise RuntimeError("broken")

    await desk.take([said(1)])
    async with running(handling_by(database, bot, Handler(fail), pause_s=60).run()):
        await until(lambda: _attempts(inbox, 1))
    again = Handler(fail)
    async with running(handling_by(database, bot, again).run()):
        await until(inbox.all_handled)

    assert again.numbers == [1, 1]


async def test_an_outage_of_the_database_counts_as_no_attempt(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def ask_a_connection_that_is_cut(_: Arrived) -> None:
        if len(handler.given) == 1:
            async with database.connection() as connection:
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    handler = Handler(ask_a_connection_that_is_cut)
    await desk.take([said(1)])
    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    assert handler.numbers == [1, 1]
    assert [row.attempts for row in await inbox.rows()] == [0]


async def test_the_inbox_is_read_on_after_its_connections_were_cut(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    handler = Handler()
    async with running(handling_by(database, bot, handler).run()):
        await desk.take([said(1)])
        await until(inbox.all_handled)
        async with database.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await outlast(lambda: desk.take([said(2)]))
        await until(inbox.all_handled)

    assert handler.numbers == [1, 2]


async def test_a_lease_that_is_lost_stops_the_handling_and_nothing_is_put_aside(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def lose(_: Arrived) -> None:
        raise LeaseLost

    await desk.take([said(1)])
    with pytest.raises(ExceptionGroup) as stopped:
        await handling_by(database, bot, Handler(lose)).run()

    assert stopped.group_contains(LeaseLost)
    assert [(row.handled, row.attempts) for row in await inbox.rows()] == [(False, 0)]


async def test_what_another_process_stored_is_found_without_being_woken(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    handler = Handler()
    async with running(handling_by(database, bot, handler).run()):
        await desk.take([said(1)])
        await until(inbox.all_handled, within_s=5)
    assert handler.numbers == [1]


async def test_what_somebody_said_who_was_let_go_since_is_met_with_silence(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    await desk.take([said(1, person=GUEST_ID)])
    async with database.connection() as connection:
        await connection.execute("UPDATE users SET removed_at = now()")
    handler = Handler()
    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    assert handler.given == []
    assert await inbox.outbox() == []


async def test_whoever_is_let_go_while_a_message_waits_in_its_line_gets_no_apology(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    async def refuse(_: Arrived) -> None:
        raise Stranger

    handler = Handler(refuse)
    await desk.take([said(1, person=GUEST_ID)])
    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    assert handler.numbers == [1]
    assert await inbox.outbox() == []


async def test_what_waited_while_its_group_moved_is_handled_in_the_new_one(
    database: Database, bot: Bot, desk: Reception, inbox: Inbox
) -> None:
    new_id = -1_000_000_000_009
    await desk.take([said(1, chat=group())])
    await desk.take([said(2, chat=group(), migrate_to_chat_id=new_id)])
    handler = Handler()
    async with running(handling_by(database, bot, handler).run()):
        await until(inbox.all_handled)

    assert [one.place.chat_id for one in handler.given] == [new_id]


def pressed(number: int) -> Update:
    message = {"message_id": 9, "date": 1_790_000_000, "chat": private(), "from": sender(99, is_bot=True)}
    query = {"id": f"q{number}", "from": sender(), "chat_instance": "1", "data": "x", "message": message}
    return Update.model_validate({"update_id": number, "callback_query": query})


async def _given(handler: Handler, number: int) -> bool:
    return number in handler.numbers


async def _held(handling: Handling, rows: int) -> bool:
    return len(handling._held) == rows


async def _attempts(inbox: Inbox, number: int) -> bool:
    return [row.attempts for row in await inbox.rows()] == [number]
