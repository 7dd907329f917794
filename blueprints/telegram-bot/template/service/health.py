"""Whether the bot's polling is alive, told over HTTP."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiogram import Bot
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.methods import GetMe, GetUpdates, TelegramMethod
from aiohttp import web

STALE_AFTER_S = 60.0
"""A long poll takes 10 s, so this many seconds without an answer mean that none comes."""


class Heartbeat(BaseRequestMiddleware):
    """Remembers when Telegram last answered the polling."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None
        self._stopped = False

    async def __call__(
        self, make_request: NextRequestMiddlewareType[Any], bot: Bot, method: TelegramMethod[Any]
    ) -> Any:
        response = await make_request(bot, method)
        # GetMe is the polling's first request: without it a quiet bot would
        # look dead until its first long poll ends.
        if isinstance(method, GetMe | GetUpdates):
            self._last = self._clock()
        return response

    def stop(self) -> None:
        """Say that polling has ended."""
        self._stopped = True

    def status(self) -> dict[str, Any]:
        """Return what /health says; `status` is `ok` while polling is alive."""
        if self._stopped:
            return {"status": "stopping"}
        if self._last is None:
            return {"status": "starting", "reason": "Telegram has not answered yet"}
        age = self._clock() - self._last
        if age > STALE_AFTER_S:
            return {"status": "failing", "reason": f"Telegram has not answered for {age:.0f} s"}
        return {"status": "ok", "last_answer_s": round(age, 1)}


def application(heartbeat: Heartbeat) -> web.Application:
    """Return the HTTP application."""

    async def health(request: web.Request) -> web.Response:
        status = heartbeat.status()
        return web.json_response(status, status=200 if status["status"] == "ok" else 503)

    app = web.Application()
    app.router.add_get("/health", health)
    return app


@asynccontextmanager
async def serve(heartbeat: Heartbeat, port: int) -> AsyncIterator[None]:
    """Serve /health on loopback while the block runs."""
    runner = web.AppRunner(application(heartbeat), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
