"""Bot processes side by side: one speaks, and handles at once what another has taken in."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest
from aiohttp import ClientError, ClientSession
from pydantic import SecretStr

from bot.main import TelegramBot
from bot.places import FRONT
from bot.webhook import SECRET_HEADER, secret_for
from graph.conversation import Conversation, Feed, Services
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.lease import Lease
from shared.live import Live
from shared.settings import Settings
from tests.engine import until
from tests.fakes.telegram import FakeTelegram
from tests.integration.conversation.chat import Server
from tests.receiving import OWNER_ID, Inbox, message, reception, running, said

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def live(redis_url: str) -> AsyncIterator[Live]:
    async with Live(redis_url) as live:
        yield live


@pytest.fixture
def settings(telegram: FakeTelegram) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    return Settings(
        telegram_bot_token=SecretStr(telegram.token),
        telegram_api_url=telegram.url,
        allowed_user_ids=(OWNER_ID,),
        telegram_webhook_url=f"http://127.0.0.1:{port}/",
        telegram_webhook_listen=("127.0.0.1", port),
        _env_file=None,
    )


def process(settings: Settings, database: Database, live: Live) -> TelegramBot:
    """A bot as a process of its own puts it together."""
    conversation = Conversation(database, live, Services(catalogue=catalogue, reader=Server()))
    return TelegramBot(settings, database, live, conversation, Feed(database, live))


async def test_a_standby_wakes_the_speaker_once_it_has_stored_something(
    settings: Settings, telegram: FakeTelegram, database: Database, live: Live, inbox: Inbox
) -> None:
    async with (
        Lease(database.url, FRONT, holder="the speaker").held(),
        running(process(settings, database, live).run()),
    ):
        with live.watching_inbox(FRONT) as watch:
            await until(partial(_is_taken_in, settings, telegram.token), within_s=20)
            assert watch.woken.is_set()
    assert await inbox.texts() == ["hello"]


async def test_the_speaker_handles_at_once_what_a_standby_has_stored(
    settings: Settings, redis_url: str, telegram: FakeTelegram, database: Database, live: Live, inbox: Inbox
) -> None:
    async with Live(redis_url) as elsewhere, running(process(settings, database, live).run()):
        standby = await reception(database, wake=partial(elsewhere.wake_inbox, FRONT))
        await telegram.until(lambda: telegram.webhook["url"])
        await standby.take([said(1)])
        await until(inbox.all_handled)

        began = time.monotonic()
        for number in range(2, 8):
            await standby.take([said(number)])
            await until(inbox.all_handled)
        # A look every second would take six.
        assert time.monotonic() - began < 4


async def _is_taken_in(settings: Settings, token: str) -> bool:
    """Deliver an update as Telegram does; return whether it was taken in."""
    assert settings.telegram_webhook_url is not None
    try:
        async with (
            ClientSession() as session,
            session.post(
                settings.telegram_webhook_url,
                headers={SECRET_HEADER: secret_for(token)},
                json={"update_id": 1, "message": message(1, "hello")},
            ) as answer,
        ):
            return answer.status == 200
    except ClientError:
        return False
