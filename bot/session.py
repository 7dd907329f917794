"""The connection to Telegram's server, which tells its answers from those of what stands before it."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramServerError
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType


class Session(AiohttpSession):
    """Aiogram's session, which trips over errors that are JSON and not the Bot API's.

    Proxies write such. They say nothing about the call, so all of them are a server's trouble.
    """

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """Return what Telegram has answered.

        Raises:
            TelegramServerError: Somebody else has answered in Telegram's place.
        """
        if status_code != HTTPStatus.OK and not _is_telegrams(content):
            raise TelegramServerError(
                method=method, message=f"HTTP {status_code}, and not in the words of the Bot API"
            )
        _kept(method.__returning__)
        return super().check_response(bot, method, status_code, content)


@cache
def _kept(returned: Any) -> type[Response[Any]]:  # noqa: ANN401 - a type, or what `typing` makes of types
    """Keep the model of an answer, which pydantic forgets when nobody has it, and makes anew at a cost."""
    return Response[returned]


def _is_telegrams(content: str) -> bool:
    """Return whether this is how the Bot API says no (https://core.telegram.org/bots/api#making-requests)."""
    try:
        answer = json.loads(content)
    except ValueError:
        return False
    return (
        isinstance(answer, dict) and answer.get("ok") is False and isinstance(answer.get("description"), str)
    )
