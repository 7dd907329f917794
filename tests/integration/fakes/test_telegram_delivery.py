"""Updates reach the bot as Telegram brings them: by polling and by webhook, late, twice, out of order."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError
from aiogram.types import Update
from aiohttp import ClientError, ClientSession, web

from tests.fakes.telegram import FakeTelegram, Person


def texts(updates: list[Update]) -> list[str | None]:
    return [update.message.text for update in updates if update.message]


# Polling


async def test_updates_come_again_until_an_offset_confirms_them(bot: Bot, ann: Person) -> None:
    for text in ("one", "two", "three"):
        ann.say(text)
    first = await bot.get_updates(limit=2)
    assert texts(first) == ["/start", "one"]
    assert texts(await bot.get_updates(limit=2)) == ["/start", "one"]
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert texts(rest) == ["two", "three"]
    assert [u.update_id for u in rest] == [first[-1].update_id + 1, first[-1].update_id + 2]
    assert await bot.get_updates(offset=rest[-1].update_id + 1) == []


async def test_a_negative_offset_forgets_all_but_the_last(bot: Bot, ann: Person) -> None:
    ann.say("one")
    ann.say("two")
    assert texts(await bot.get_updates(offset=-1)) == ["two"]
    assert texts(await bot.get_updates()) == ["two"]


async def test_a_long_poll_returns_as_soon_as_something_is_said(bot: Bot, ann: Person) -> None:
    [start] = await bot.get_updates()
    polling = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    await bot.get_me()
    assert not polling.done()
    ann.say("now")
    assert texts(await asyncio.wait_for(polling, 5)) == ["now"]


async def test_a_second_reader_sends_the_first_away(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    [start] = await bot.get_updates()
    first = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    await telegram.until(lambda: telegram.is_polled)
    second = asyncio.create_task(bot.get_updates(offset=start.update_id + 1, timeout=30))
    with pytest.raises(TelegramConflictError, match="terminated by other getUpdates request"):
        await first
    ann.say("now")
    assert texts(await second) == ["now"]


async def test_only_wanted_kinds_are_delivered(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    await bot.get_updates(offset=-1, allowed_updates=["callback_query"])
    assert ann.say("not wanted").update_id is None
    await bot.get_updates(allowed_updates=[])
    assert ann.say("wanted").update_id is not None
    assert ann.join(telegram.group("Team", ann)) is None  # chat_member has to be asked for


async def test_an_update_can_come_again_late_and_out_of_order(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    said = ann.say("one")
    assert said.update_id is not None
    assert await bot.get_updates(offset=said.update_id + 1) == []
    telegram.deliver_again(said.update_id, times=2)
    assert texts(await bot.get_updates(offset=said.update_id + 1)) == ["one", "one"]

    telegram.hold_updates()
    ann.say("two")
    ann.say("three")
    assert await bot.get_updates() == []
    telegram.release_updates(reverse=True)
    assert texts(await bot.get_updates(offset=said.update_id + 1)) == ["three", "two"]


async def test_raw_updates_can_be_put_in(telegram: FakeTelegram, bot: Bot, ann: Person) -> None:
    update_id = telegram.enqueue(
        {"poll_answer": {"poll_id": "1", "option_ids": [], "option_persistent_ids": []}}
    )
    assert (await bot.get_updates())[-1].update_id == update_id


async def test_a_reader_that_was_killed_takes_nothing_with_it(
    telegram: FakeTelegram, bot: Bot, ann: Person
) -> None:
    said = ann.say("one")
    assert said.update_id is not None
    async with ClientSession() as killed:
        polling = asyncio.create_task(
            killed.post(
                f"{telegram.url}/bot{telegram.token}/getUpdates",
                json={"offset": said.update_id + 1, "timeout": 30},
            )
        )
        await telegram.until(lambda: telegram.is_polled)
        polling.cancel()
        with contextlib.suppress(asyncio.CancelledError, ClientError):
            await polling
    await bot.get_me()
    telegram.deliver_again(said.update_id)
    assert texts(await bot.get_updates(offset=said.update_id + 1)) == ["one"]


# Webhook


@dataclass
class Receiver:
    """A webhook that answers with what it is told to, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    reply: dict[str, object] | None = None
    bodies: list[dict[str, object]] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.bodies.append(await request.json())
        return web.json_response(self.reply, status=status)

    @property
    def texts(self) -> list[str | None]:
        return texts([Update.model_validate(body) for body in self.bodies])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def test_a_webhook_gets_every_update_once_in_order_with_the_secret(
    telegram: FakeTelegram, bot: Bot, ann: Person, receiver: Receiver
) -> None:
    secret = secrets.token_urlsafe(8)
    await bot.set_webhook(receiver.url, secret_token=secret)
    for number in range(20):
        ann.say(str(number))
    await telegram.until(lambda: len(receiver.bodies) == 21)
    assert receiver.texts == ["/start", *map(str, range(20))]
    assert set(receiver.secrets) == {secret}
    await telegram.until(lambda: not telegram.pending_updates)


async def test_a_refused_update_is_posted_again_before_the_next(
    telegram: FakeTelegram, bot: Bot, ann: Person, receiver: Receiver
) -> None:
    receiver.statuses = [500, 403, 502]
    await bot.set_webhook(receiver.url)
    ann.say("next")
    await telegram.until(lambda: len(receiver.bodies) == 2)
    assert receiver.texts == ["/start", "next"]
    assert len(receiver.secrets) == 5
    assert "502" in str((await bot.get_webhook_info()).last_error_message)


async def test_a_call_in_the_webhooks_answer_is_done(
    telegram: FakeTelegram, bot: Bot, ann: Person, receiver: Receiver
) -> None:
    receiver.reply = {"method": "sendMessage", "chat_id": ann.id, "text": "at once"}
    await bot.set_webhook(receiver.url)
    assert (await telegram.until(lambda: telegram.last(ann))).text == "at once"


async def test_nobody_can_ask_for_updates_while_a_webhook_is_set(
    telegram: FakeTelegram, bot: Bot, ann: Person, receiver: Receiver
) -> None:
    receiver.statuses = [500] * 1000
    await bot.set_webhook(receiver.url)
    with pytest.raises(TelegramConflictError, match="can't use getUpdates method while webhook is active"):
        await bot.get_updates()
    await telegram.until(lambda: receiver.secrets)
    await bot.delete_webhook()
    assert texts(await bot.get_updates()) == ["/start"]


async def test_an_update_can_be_posted_again(
    telegram: FakeTelegram, bot: Bot, ann: Person, receiver: Receiver
) -> None:
    await bot.set_webhook(receiver.url)
    said = ann.say("one")
    await telegram.until(lambda: len(receiver.bodies) == 2)
    assert said.update_id is not None
    telegram.deliver_again(said.update_id, times=4)
    await telegram.until(lambda: receiver.texts == ["/start", *["one"] * 5])
