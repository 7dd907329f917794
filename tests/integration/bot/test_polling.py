"""Polling loses nothing and stops for nothing, whatever Telegram, the network and the database do."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import TelegramMethod
from aiogram.methods.base import TelegramType
from prometheus_client import REGISTRY

from bot.access import HEARD
from bot.polling import Polling
from shared.database import Database
from tests.engine import until
from tests.fakes.telegram import FakeTelegram
from tests.receiving import GUEST_ID, OWNER_ID, Inbox, message, reception, running

Start = Callable[[], Awaitable[Process]]


@pytest.fixture
async def polling(bot: Bot, database: Database) -> Polling:
    return Polling(bot, await reception(database))


@pytest.fixture
async def start(telegram: FakeTelegram, database_url: str) -> AsyncIterator[Start]:
    """Starts processes that poll when it is their turn."""
    async with AsyncExitStack() as stack:

        async def start() -> Process:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.poller", telegram.url, telegram.token),
                env={**os.environ, "DATABASE_URL": database_url},
                stdout=PIPE,
            )
            stack.push_async_callback(_end, process)
            return process

        yield start


async def test_what_is_said_is_stored_and_confirmed(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox
) -> None:
    ann, gus = telegram.user(OWNER_ID, "Ann"), telegram.user(GUEST_ID, "Gus")
    ann.say("before it began")
    async with running(polling.run()):
        gus.say("while it polls")
        await telegram.until(lambda: not telegram.pending_updates)

    assert await inbox.texts() == ["before it began", "while it polls"]


async def test_strangers_are_confirmed_and_not_stored(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox
) -> None:
    stranger, ann = telegram.user(666, "Eve"), telegram.user(OWNER_ID, "Ann")
    stranger.say("let me in")
    ann.say("hello")
    async with running(polling.run()):
        await telegram.until(lambda: not telegram.pending_updates)

    assert await inbox.texts() == ["hello"]
    assert await inbox.count("users") == 1


async def test_duplicates_and_late_updates_are_stored_once(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox
) -> None:
    ann = telegram.user(OWNER_ID, "Ann")
    async with running(polling.run()):
        first = ann.say("first")
        assert first.update_id is not None
        telegram.deliver_again(first.update_id, times=4)
        telegram.hold_updates()
        ann.say("second")
        ann.say("third")
        telegram.release_updates(reverse=True)
        ann.say("last")
        await until(lambda: inbox.has(4))
        await telegram.until(lambda: not telegram.pending_updates)

    assert sorted(await inbox.texts()) == ["first", "last", "second", "third"]


async def test_only_the_kinds_that_are_heard_are_asked_for(telegram: FakeTelegram, polling: Polling) -> None:
    async with running(polling.run()):
        await telegram.until(lambda: telegram.world.updates.allowed)
    assert telegram.world.updates.allowed == list(HEARD)


async def test_a_webhook_that_is_set_is_left_without_losing_what_it_did_not_get(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox, bot: Bot
) -> None:
    ann = telegram.user(OWNER_ID, "Ann")
    await bot.set_webhook("http://127.0.0.1:9/")
    ann.say("while nobody answers")
    async with running(polling.run()):
        await until(lambda: inbox.has(1))
        await bot.set_webhook("http://127.0.0.1:9/")
        ann.say("set again by somebody")
        await until(lambda: inbox.has(2))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 502},
        {"status": 409},
        {"status": 401},
        {"status": 400, "description": "something odd"},
        {"cut": True},
        {"after_effect": True},
        {"retry_after": 1},
    ],
    ids=str,
)
async def test_polling_goes_on_after_a_bad_answer(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox, fault: dict[str, Any]
) -> None:
    failing = telegram.fail("getUpdates", times=2, **fault)
    telegram.user(OWNER_ID, "Ann").say("hello")
    async with running(polling.run()):
        await until(lambda: inbox.has(1))
    assert failing.hits == 2
    assert await inbox.texts() == ["hello"]


@pytest.mark.parametrize(
    "unreadable",
    [
        {"message": "no message"},
        {"message": {"message_id": "x", "chat": None}},
        {"message": message(1) | {"from": {"id": OWNER_ID}}},
    ],
    ids=["text", "fields", "sender"],
)
async def test_an_update_that_cannot_be_read_hides_no_other_and_is_confirmed(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox, unreadable: dict[str, Any]
) -> None:
    ann = telegram.user(OWNER_ID, "Ann")
    ann.say("before")
    telegram.enqueue(unreadable, validate=False)
    ann.say("after")
    async with running(polling.run()):
        await telegram.until(lambda: not telegram.pending_updates)

    assert await inbox.texts() == ["before", "after"]


async def test_a_kind_that_nobody_knows_yet_is_confirmed_and_not_stored(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox
) -> None:
    telegram.enqueue({"telepathy": message(1)}, validate=False)
    async with running(polling.run()):
        await telegram.until(lambda: not telegram.pending_updates)
    assert await inbox.rows() == []


async def test_telegram_keeps_what_the_database_could_not_take(
    telegram: FakeTelegram, polling: Polling, inbox: Inbox, database: Database
) -> None:
    telegram.user(OWNER_ID, "Ann").say("hello")
    async with running(polling.run()):
        async with database.transaction() as tx:
            await tx.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
            [storing] = await until(lambda: _waiting_for_the_inbox(database))
            await tx.execute("SELECT pg_terminate_backend(%s)", [storing])
            await until(lambda: _others(_waiting_for_the_inbox(database), storing))
            assert len(telegram.pending_updates) == 1
        await telegram.until(lambda: not telegram.pending_updates)

    assert await inbox.texts() == ["hello"]


async def test_a_request_that_is_never_answered_is_given_up(
    telegram: FakeTelegram, bot: Bot, database: Database, inbox: Inbox
) -> None:
    polling = Polling(bot, await reception(database), wait_s=1, margin_s=1)
    telegram.fail("getUpdates", slow_s=3600)
    telegram.user(OWNER_ID, "Ann").say("hello")
    async with running(polling.run()):
        await until(lambda: inbox.has(1), within_s=20)


class StuckSession(AiohttpSession):
    """Hangs in its first request for updates, whatever time was given for it."""

    stuck = False

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None
    ) -> TelegramType:
        if method.__api_method__ == "getUpdates" and not self.stuck:
            self.stuck = True
            await asyncio.Event().wait()
        return await super().make_request(bot, method, timeout)


async def test_polling_that_stands_still_is_started_anew_and_counted(
    telegram: FakeTelegram, database: Database, inbox: Inbox
) -> None:
    before = _restarts()
    telegram.user(OWNER_ID, "Ann").say("hello")
    session = StuckSession(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot(telegram.token, session=session) as bot:
        polling = Polling(bot, await reception(database), wait_s=1, margin_s=0.2)
        async with running(polling.run()):
            await until(lambda: inbox.has(1), within_s=20)
    assert _restarts() == before + 1


async def test_a_crash_between_fetching_and_storing_loses_nothing(
    telegram: FakeTelegram, database: Database, inbox: Inbox, start: Start
) -> None:
    ann = telegram.user(OWNER_ID, "Ann")
    for number in range(5):
        ann.say(f"message {number}")
    async with database.transaction() as tx:
        # A process takes seconds to start on a busy machine; this transaction does nothing meanwhile.
        await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await tx.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
        doomed = await start()
        await until(lambda: _waiting_for_the_inbox(database))
        doomed.kill()
        await doomed.wait()
    await start()
    await telegram.until(lambda: not telegram.pending_updates, timeout=60)

    assert await inbox.texts() == [f"message {number}" for number in range(5)]


async def test_of_two_processes_one_polls_and_the_other_follows_it(
    telegram: FakeTelegram, inbox: Inbox, start: Start
) -> None:
    ann = telegram.user(OWNER_ID, "Ann")
    first = await start()
    assert await _speaks(first) == 1
    second = await start()
    ann.say("to the first")
    await until(lambda: inbox.has(1))
    await telegram.until(lambda: not telegram.pending_updates)

    first.kill()
    ann.say("to whoever is left")
    assert await _speaks(second) == 2
    await until(lambda: inbox.has(2))

    assert await inbox.texts() == ["to the first", "to whoever is left"]


async def _waiting_for_the_inbox(database: Database) -> list[int]:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'inbox'::regclass"
        )
        return [pid for (pid,) in await cursor.fetchall()]


async def _others(pids: Awaitable[list[int]], known: int) -> bool:
    return any(pid != known for pid in await pids)


def _restarts() -> float:
    return REGISTRY.get_sample_value("telewright_bot_polling_restarts_total") or 0


async def _speaks(process: Process) -> int:
    """Wait for a process's turn, and return its token."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if line.startswith(b"speaks "):
                return int(line.split()[1])
    raise AssertionError("it ended before it was its turn")


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
