import asyncio
from typing import Any

from aiogram.methods import GetMe, GetUpdates, SendMessage
from aiohttp.test_utils import TestClient, TestServer

from service.health import STALE_AFTER_S, Heartbeat, application


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def answered(heartbeat: Heartbeat, method: Any) -> None:
    async def make_request(bot: Any, method: Any) -> Any:
        return True

    await heartbeat(make_request, None, method)  # type: ignore[arg-type]


async def refused(heartbeat: Heartbeat, method: Any) -> None:
    async def make_request(bot: Any, method: Any) -> Any:
        raise ConnectionError

    try:
        await heartbeat(make_request, None, method)  # type: ignore[arg-type]
    except ConnectionError:
        return


def test_a_bot_that_telegram_never_answered_is_starting() -> None:
    heartbeat = Heartbeat(Clock())

    asyncio.run(refused(heartbeat, GetUpdates()))

    assert heartbeat.status()["status"] == "starting"


def test_a_bot_that_telegram_answers_is_alive() -> None:
    heartbeat = Heartbeat(Clock())

    asyncio.run(answered(heartbeat, GetMe()))

    assert heartbeat.status()["status"] == "ok"


def test_polling_without_answers_is_failing_even_if_messages_are_sent() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    asyncio.run(answered(heartbeat, GetUpdates()))

    clock.now += STALE_AFTER_S + 1
    asyncio.run(answered(heartbeat, SendMessage(chat_id=1, text="x")))

    assert heartbeat.status()["status"] == "failing"


def test_health_is_told_over_http() -> None:
    heartbeat = Heartbeat(Clock())

    async def ask() -> tuple[int, int, int]:
        async with TestClient(TestServer(application(heartbeat))) as client:
            before = (await client.get("/health")).status
            await answered(heartbeat, GetUpdates())
            alive = (await client.get("/health")).status
            heartbeat.stop()
            return before, alive, (await client.get("/health")).status

    assert asyncio.run(ask()) == (503, 200, 503)
