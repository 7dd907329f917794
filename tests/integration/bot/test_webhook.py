"""The webhook answers 200 for what is stored, and takes nothing that Telegram has not sent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiogram import Bot
from aiohttp import ClientSession
from pydantic import SecretStr

from bot.access import HEARD
from bot.webhook import LARGEST, SECRET_HEADER, Webhook, secret_for
from shared.database import Database
from shared.errors import BadSetting
from shared.settings import AddressCheck, Settings
from tests.engine import until
from tests.fakes.telegram import FakeTelegram
from tests.receiving import OWNER_ID, Inbox, message, reception, running


class Front:
    """The webhook as the internet sees it."""

    def __init__(self, webhook: Webhook, url: str, secret: str) -> None:
        self.webhook = webhook
        self.url = url
        self._headers = {SECRET_HEADER: secret}

    async def post(self, body: Any, headers: dict[str, str] | None = None) -> int:  # noqa: ANN401 - JSON
        """Send JSON, or bytes as they are; return the status."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        given = self._headers if headers is None else headers
        async with ClientSession() as session, session.post(self.url, headers=given, **sent) as answer:
            return answer.status


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def settings(telegram: FakeTelegram, port: int) -> Settings:
    return Settings(
        telegram_bot_token=SecretStr(telegram.token),
        allowed_user_ids=(OWNER_ID,),
        telegram_webhook_url=f"http://127.0.0.1:{port}/some/path",
        telegram_webhook_listen=("127.0.0.1", port),
        _env_file=None,
    )


@pytest.fixture
async def front(bot: Bot, database: Database, settings: Settings) -> AsyncIterator[Front]:
    async for front in serving(bot, database, settings):
        yield front


async def serving(bot: Bot, database: Database, settings: Settings) -> AsyncIterator[Front]:
    webhook = Webhook(bot, await reception(database), settings, look_every_s=0.05)
    assert settings.telegram_webhook_url is not None
    front = Front(webhook, settings.telegram_webhook_url, secret_for(bot.token))
    async with running(webhook.serve()):
        await until(lambda: _answers(settings.telegram_webhook_listen))
        yield front


async def test_an_update_is_stored_before_it_is_answered(front: Front, inbox: Inbox) -> None:
    assert await front.post({"update_id": 1, "message": message(1, "hello")}) == 200
    assert await inbox.texts() == ["hello"]


async def test_telegram_delivers_what_is_said_once_it_knows_the_address(
    front: Front, telegram: FakeTelegram, inbox: Inbox
) -> None:
    ann = telegram.user(OWNER_ID, "Ann")
    ann.say("before the webhook was set")
    async with running(front.webhook.keep_registered()):
        await telegram.until(lambda: telegram.webhook["url"])
        ann.say("after it")
        await telegram.until(lambda: telegram.webhook["delivered"] == 2)

    assert await inbox.texts() == ["before the webhook was set", "after it"]
    assert telegram.world.updates.allowed == list(HEARD)


async def test_setting_the_webhook_is_tried_again_until_it_succeeds(
    front: Front, telegram: FakeTelegram
) -> None:
    failing = telegram.fail("setWebhook", status=502)
    async with running(front.webhook.keep_registered()):
        await telegram.until(lambda: telegram.webhook["url"] == front.url)
    assert failing.hits == 1


async def test_a_webhook_that_somebody_took_away_is_set_again(
    front: Front, bot: Bot, telegram: FakeTelegram
) -> None:
    async with running(front.webhook.keep_registered()):
        await telegram.until(lambda: telegram.webhook["url"] == front.url)
        await bot.delete_webhook()
        await telegram.until(lambda: telegram.webhook["url"] == front.url)


@pytest.mark.parametrize(
    "headers",
    [{}, {SECRET_HEADER: ""}, {SECRET_HEADER: "guess"}, {SECRET_HEADER: "\xe9" * 64}, {"Authorization": "x"}],
    ids=["none", "empty", "wrong", "not ASCII", "elsewhere"],
)
async def test_nothing_is_taken_without_the_secret(
    front: Front, inbox: Inbox, headers: dict[str, str]
) -> None:
    assert await front.post({"update_id": 1, "message": message(1)}, headers) == 401
    assert await inbox.rows() == []


async def test_the_secret_is_the_same_in_every_process_and_tells_nothing_of_the_token() -> None:
    token = "1:abc"
    assert secret_for(token) == secret_for(token) != secret_for("1:abd")
    assert token not in secret_for(token)


async def test_the_port_that_the_internet_reaches_shows_no_metrics(front: Front, port: int) -> None:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 405


async def test_strangers_are_answered_like_everybody_and_not_stored(front: Front, inbox: Inbox) -> None:
    assert await front.post({"update_id": 1, "message": message(1, person=666)}) == 200
    assert await inbox.rows() == []
    assert await inbox.count("users") == 0


async def test_the_same_update_from_several_sides_at_once_is_one_row(front: Front, inbox: Inbox) -> None:
    update = {"update_id": 1, "message": message(1, "hello")}
    assert await asyncio.gather(*(front.post(update) for _ in range(5))) == [200] * 5
    assert len(await inbox.rows()) == 1


async def test_what_cannot_be_read_is_not_asked_for_again(front: Front, inbox: Inbox) -> None:
    assert await front.post({"update_id": 1, "message": "none"}) == 200
    assert await front.post({"update_id": 2, "telepathy": {}}) == 200
    assert await front.post(["no", "update"]) == 200
    assert await front.post(b"{not json") == 400
    assert await front.post(b"\xff\xfe") == 400
    assert await inbox.rows() == []


async def test_a_request_may_have_only_so_much(front: Front, inbox: Inbox) -> None:
    assert await front.post({"update_id": 1, "message": message(1, "x" * LARGEST)}) == 413
    assert await inbox.rows() == []


async def test_telegram_is_asked_to_come_again_while_the_database_is_away(
    front: Front, inbox: Inbox, database: Database
) -> None:
    update = {"update_id": 1, "message": message(1, "hello")}
    async with database.transaction() as tx:
        await tx.execute("LOCK TABLE inbox IN EXCLUSIVE MODE")
        posted = asyncio.create_task(front.post(update))
        [storing] = await until(lambda: _waiting_for_the_inbox(database))
        await tx.execute("SELECT pg_terminate_backend(%s)", [storing])
        assert await posted == 503
    assert await inbox.rows() == []

    assert await front.post(update) == 200
    assert await inbox.texts() == ["hello"]


@pytest.mark.parametrize(
    ("check", "forwarded", "status"),
    [
        (AddressCheck.PEER, None, 401),
        (AddressCheck.PEER, "149.154.167.1", 401),
        (AddressCheck.FORWARDED, None, 401),
        (AddressCheck.FORWARDED, "149.154.167.1", 200),
        (AddressCheck.FORWARDED, "10.0.0.1, ::ffff:91.108.5.7", 200),
        (AddressCheck.FORWARDED, "149.154.167.1, 10.0.0.1", 401),
        (AddressCheck.FORWARDED, "nonsense", 401),
    ],
)
async def test_only_telegrams_addresses_are_let_through_where_that_is_set(
    bot: Bot,
    database: Database,
    settings: Settings,
    check: AddressCheck,
    forwarded: str | None,
    status: int,
) -> None:
    strict = settings.model_copy(update={"telegram_webhook_check_address": check})
    headers = {SECRET_HEADER: secret_for(bot.token)} | ({"X-Forwarded-For": forwarded} if forwarded else {})
    async for front in serving(bot, database, strict):
        assert await front.post({"update_id": 1, "message": message(1)}, headers) == status


async def test_an_address_that_is_taken_is_named(
    bot: Bot, database: Database, settings: Settings, port: int
) -> None:
    webhook = Webhook(bot, await reception(database), settings)
    refused = f"TELEGRAM_WEBHOOK_LISTEN: 127.0.0.1:{port} cannot be"
    with socket.create_server(("127.0.0.1", port)), pytest.raises(BadSetting, match=refused):
        await webhook.serve()


async def _answers(address: tuple[str, int]) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address)
    except OSError:
        return False
    writer.close()
    return True


async def _waiting_for_the_inbox(database: Database) -> list[int]:
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'inbox'::regclass"
        )
        return [pid for (pid,) in await cursor.fetchall()]
