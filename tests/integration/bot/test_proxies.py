"""What stands between the bot and Telegram answers in Telegram's place."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable

import pytest
from aiogram import Bot
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramServerError
from aiogram.methods import GetMe
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.courier import Courier, Refused, Unknown
from bot.main import TelegramBot
from bot.menu import Menu
from bot.refusals import Refusal
from bot.session import Session
from graph.conversation import Conversation, Feed, Services
from infrastructure.blueprints import catalogue
from shared.database import Database
from shared.errors import BadSetting
from shared.live import Live
from shared.settings import Settings
from tests.integration.conversation.chat import Server

TOKEN = "12345678:" + "a1" * 18
PAGE = b"<html>Bad Gateway \xff\xfe</html>"

Answer = Callable[[web.Request], web.Response]


class Proxy:
    """Gives one answer after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Answer a call."""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request)


def page(body: bytes) -> Answer:
    """A page for people."""
    return lambda _: web.Response(status=502, body=body, content_type="text/html")


def elsewhere(request: web.Request) -> web.Response:
    """A redirection that leads nowhere."""
    return web.Response(status=307, headers={"Location": str(request.url)})


@pytest.fixture
def proxy() -> Proxy:
    return Proxy()


@pytest.fixture
async def url(proxy: Proxy) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", proxy.handle)
    async with TestServer(application) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
async def bot(url: str) -> AsyncIterator[Bot]:
    async with Bot(TOKEN, session=Session(api=TelegramAPIServer.from_base(url))) as bot:
        yield bot


@pytest.mark.parametrize("body", [PAGE, b"<html>Bad Gateway</html>"], ids=["not UTF-8", "HTML"])
async def test_a_page_in_the_answers_place_leaves_open_what_has_happened(
    bot: Bot, proxy: Proxy, body: bytes
) -> None:
    proxy.answers = [page(body)]
    answer = await Courier(bot).call(GetMe())
    assert isinstance(answer, Unknown)
    assert answer.by_server


async def test_a_page_that_is_not_utf_8_is_a_servers_trouble_for_whoever_calls(
    bot: Bot, proxy: Proxy
) -> None:
    proxy.answers = [page(PAGE)]
    with pytest.raises(TelegramServerError):
        await bot.pin_chat_message(1, 1)


@pytest.mark.parametrize("status", [400, 404, 502])
@pytest.mark.parametrize(
    "body", [{"ok": False}, {"ok": True, "result": {}}, {"error": "no upstream"}, [], None]
)
async def test_an_error_that_is_not_in_the_bot_apis_words_leaves_open_what_has_happened(
    bot: Bot, proxy: Proxy, status: int, body: object
) -> None:
    proxy.answers = [lambda _: web.json_response(body, status=status)]
    answer = await Courier(bot).call(GetMe())
    assert isinstance(answer, Unknown)
    assert answer.by_server


@pytest.mark.parametrize(
    "body",
    ['{"ok": false}', '{"ok": false, "description": 1}', '{"ok": "?"}', "[]", "[" * 100_000],
    ids=["no reason", "a number as reason", "neither yes nor no", "a list", "too deep"],
)
async def test_what_is_none_of_the_bot_apis_answers_leaves_open_what_has_happened(
    bot: Bot, proxy: Proxy, body: str
) -> None:
    proxy.answers = [lambda _: web.Response(text=body, content_type="application/json")]
    answer = await Courier(bot).call(GetMe())
    assert isinstance(answer, Unknown)
    assert answer.by_server


async def test_a_refusal_is_one_though_its_status_was_lost_on_the_way(bot: Bot, proxy: Proxy) -> None:
    refusal = {"ok": False, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}
    proxy.answers = [lambda _: web.json_response(refusal)]
    answer = await Courier(bot).call(GetMe())
    assert answer == Refused(Refusal.CHAT_BLOCKED, "Forbidden: bot was blocked by the user")


async def test_an_answer_that_cannot_be_read_is_not_quoted(bot: Bot, proxy: Proxy) -> None:
    proxy.answers = [lambda _: web.json_response({"ok": True, "result": {"id": "what I said"}})]
    with pytest.raises(TelegramServerError) as raised:
        await bot(GetMe())
    assert "what I said" not in "".join(traceback.format_exception(raised.value))


async def test_what_goes_wrong_on_the_way_is_told_without_the_token(bot: Bot, proxy: Proxy) -> None:
    proxy.answers = [elsewhere]
    answer = await Courier(bot).call(GetMe())
    assert isinstance(answer, Unknown)
    assert "TooManyRedirects" in answer.reason
    assert TOKEN not in answer.reason


async def test_a_menu_that_cannot_be_set_stops_nothing(bot: Bot, proxy: Proxy, database: Database) -> None:
    proxy.answers = [page(PAGE)]
    await Menu(bot).put_up(database)


def token_refused(_: web.Request) -> web.Response:
    """What Telegram answers to a token that it does not know."""
    return web.json_response({"ok": False, "error_code": 404, "description": "Not Found"}, status=404)


def too_many(_: web.Request) -> web.Response:
    """What Telegram answers to whoever asks too often."""
    return web.json_response(
        {
            "ok": False,
            "error_code": 429,
            "description": "Too Many Requests: retry after 1",
            "parameters": {"retry_after": 1},
        },
        status=429,
    )


async def test_a_bot_that_starts_asks_until_telegram_itself_refuses_its_token(
    url: str, proxy: Proxy, database: Database
) -> None:
    proxy.answers = [page(PAGE), page(b"<html>Bad Gateway</html>"), too_many, token_refused]
    settings = Settings(
        telegram_bot_token=SecretStr(TOKEN), allowed_user_ids=(1,), telegram_api_url=url, _env_file=None
    )
    async with Live("redis://127.0.0.1:1") as live:
        conversation = Conversation(database, live, Services(catalogue=catalogue, reader=Server()))
        with pytest.raises(BadSetting, match="TELEGRAM_BOT_TOKEN"):
            await TelegramBot(settings, database, live, conversation, Feed(database, live)).run()
    assert proxy.answers == [token_refused]
