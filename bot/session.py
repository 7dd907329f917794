"""The connection to Telegram's server, which tells its answers from those of what stands before it."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import ClientDecodeError, TelegramAPIError, TelegramServerError
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType


class Session(AiohttpSession):
    """Aiogram's session, which trips over answers that are not the Bot API's.

    Proxies write such, and quote what they like. They say nothing about the call, so all of them
    are a server's trouble.
    """

    async def make_request(
        self, bot: Bot, method: TelegramMethod[TelegramType], timeout: int | None = None
    ) -> TelegramType:
        """Make a call, and return what Telegram has answered.

        Raises:
            TelegramServerError: Somebody else has answered in Telegram's place.
        """
        try:
            return await super().make_request(bot, method, timeout)
        except UnicodeDecodeError:
            # It holds the answer. The Bot API's are UTF-8.
            raise _not_telegrams(method) from None

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """Return what Telegram has answered.

        Raises:
            TelegramServerError: Somebody else has answered in Telegram's place.
        """
        if status_code != HTTPStatus.OK and _error_code(content) is None:
            raise _not_telegrams(method, status_code)
        _kept(method.__returning__)
        try:
            return super().check_response(bot, method, status_code, content)
        except ClientDecodeError:
            # It quotes the answer.
            raise _not_telegrams(method, status_code) from None
        except TelegramAPIError:
            if status_code != HTTPStatus.OK:
                raise
            error_code = _error_code(content)
        if error_code is None:
            raise _not_telegrams(method, status_code)
        # Whoever stands before Telegram has lost the status; it is in the answer as well.
        return super().check_response(bot, method, error_code, content)


@cache
def _kept(returned: Any) -> type[Response[Any]]:  # noqa: ANN401 - a type, or what `typing` makes of types
    """Keep the model of an answer, which pydantic forgets when nobody has it, and makes anew at a cost."""
    return Response[returned]


def _not_telegrams(
    method: TelegramMethod[TelegramType], status_code: int | None = None
) -> TelegramServerError:
    status = "an answer" if status_code is None else f"HTTP {status_code}"
    return TelegramServerError(method=method, message=f"{status}, and not in the words of the Bot API")


def _error_code(content: str) -> int | None:
    """Return the code of an error, if this is how the Bot API says no.

    See https://core.telegram.org/bots/api#making-requests.
    """
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    match answer:
        case {"ok": False, "description": str(), "error_code": int(code)}:
            return code
        case {"ok": False, "description": str()}:
            return HTTPStatus.BAD_REQUEST
        case _:
            return None
