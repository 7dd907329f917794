"""Posts updates to the bot's webhook: in order within a chat, again until they are taken."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.fakes.telegram.errors import ApiError, Json
from tests.fakes.telegram.params import Params
from tests.fakes.telegram.world import Webhook, World

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
"""Telegram waits longer before it tries again; tests would rather not."""
ANSWER_WITHIN_S = 30.0
Call = Callable[[str, Params], Awaitable[Any]]


class Courier:
    """Carries updates to the webhook, while one is set.

    Updates of one chat go one after the other, in the order of their ids; chats go side by side, as
    Telegram does it.
    """

    def __init__(self, world: World, call: Call) -> None:
        self._world = world
        self._call = call
        self._task: asyncio.Task[None] | None = None
        self._lanes: dict[int, asyncio.Task[None]] = {}
        self._waiting: dict[int, list[Json]] = {}
        self._taken: set[int] = set()

    def start(self) -> None:
        """Begin to look for updates."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop, with what is on its way."""
        tasks = [task for task in (self._task, *self._lanes.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        timeout = ClientTimeout(total=ANSWER_WITHIN_S)
        async with ClientSession(timeout=timeout) as session:
            while True:
                if self._world.webhook.url:
                    self._collect(session)
                await self._next()

    async def _next(self) -> None:
        """Wait for an update, or for the webhook to be set."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._world.updates.changed(), 0.05)

    def _collect(self, session: ClientSession) -> None:
        updates = self._world.updates
        injected = [updates.injected.popleft() for _ in range(len(updates.injected))]
        fresh = [body for update_id, body in updates.pending.items() if update_id not in self._taken]
        self._taken.update(body["update_id"] for body in fresh)
        for body in (*injected, *fresh):
            lane = _lane(body)
            self._waiting.setdefault(lane, []).append(body)
            if lane not in self._lanes:
                self._lanes[lane] = asyncio.create_task(self._drive(session, lane))

    async def _drive(self, session: ClientSession, lane: int) -> None:
        waiting = self._waiting[lane]
        try:
            while waiting:
                await self._deliver(session, waiting[0])
                waiting.pop(0)
        finally:
            self._lanes.pop(lane, None)
            for body in waiting:  # the webhook was removed: they are for whoever asks
                self._taken.discard(body["update_id"])
            waiting.clear()

    async def _deliver(self, session: ClientSession, body: Json) -> None:
        pause = FIRST_PAUSE_S
        while (webhook := self._world.webhook).url:
            if await self._post(session, webhook, body):
                webhook.delivered += 1
                self._world.updates.confirm(body["update_id"])
                self._taken.discard(body["update_id"])
                self._world.touch()
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        raise asyncio.CancelledError

    async def _post(self, session: ClientSession, webhook: Webhook, body: Json) -> bool:
        headers = {SECRET_HEADER: webhook.secret_token} if webhook.secret_token else {}
        try:
            async with session.post(webhook.url, json=body, headers=headers) as answer:
                if 200 <= answer.status < 300:
                    await self._obey(await answer.read())
                    return True
                webhook.last_error_message = (
                    f"Wrong response from the webhook: {answer.status} {answer.reason}"
                )
        except (ClientError, TimeoutError, OSError) as unreachable:
            webhook.last_error_message = str(unreachable) or "Connection timed out"
        webhook.last_error_date = int(time.time())
        return False

    async def _obey(self, answer: bytes) -> None:
        """Do the method that the answer names, if it names one; nobody learns how that went."""
        with contextlib.suppress(ValueError, ApiError):
            call = json.loads(answer or b"{}")
            if isinstance(call, dict) and "method" in call:
                await self._call(str(call.pop("method")).lower(), Params(call))


def _lane(body: Json) -> int:
    """The chat an update is about, or who sent it."""
    event: Json = next((value for name, value in body.items() if name != "update_id"), {})
    about = event.get("chat") or event.get("message", {}).get("chat") or event.get("from") or {}
    return int(about.get("id", 0))
