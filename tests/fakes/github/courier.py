"""Webhooks: what happens is posted to who asked for it, signed as GitHub signs it, once.

GitHub does not try again when a delivery fails; somebody asks for it (`redeliver`).
https://docs.github.com/webhooks/webhook-events-and-payloads#delivery-headers
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from tests.fakes.github.errors import Json
from tests.fakes.github.records import Hook, Repository
from tests.fakes.github.world import Event, World

ANSWER_WITHIN_S = 10.0


@dataclass
class _Target:
    url: str
    secret: str | None
    content_type: str
    hook_id: int
    kind: str
    target_id: int
    hook: Hook | None = None


class Courier:
    """Delivers a world's events, one after the other, as they happened."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop; what is on its way is lost."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                event = await self._world.events.get()
                for target in targets(self._world, event):
                    await self._post(session, target, event)

    async def _post(self, session: aiohttp.ClientSession, target: _Target, event: Event) -> None:
        delivery: Json = {
            "id": self._world.next_id(),
            "guid": event.guid or str(uuid.uuid1()),
            "event": event.name,
            "action": event.payload.get("action"),
            "repository": event.repository.full_name,
            "repository_id": event.repository.id,
            "hook_id": target.hook_id,
            "url": target.url,
            "redelivery": event.guid is not None,
            "delivered_at": self._world.now(),
            "payload": event.payload,
        }
        body = json.dumps(event.payload)
        if target.content_type == "form":
            body = urlencode({"payload": body})
        started = time.monotonic()
        try:
            async with session.post(
                target.url, data=body.encode(), headers=headers(target, delivery, body.encode())
            ) as answer:
                await answer.read()
                delivery |= {"status_code": answer.status, "status": answer.reason or "OK"}
        except (aiohttp.ClientError, TimeoutError) as failure:
            status = "timed out" if isinstance(failure, TimeoutError) else "failed to connect to host"
            delivery |= {"status_code": 0, "status": status}
        delivery["duration"] = round(time.monotonic() - started, 2)
        if target.hook is not None:
            target.hook.last_code = delivery["status_code"] or None
            target.hook.last_status = "active" if 200 <= delivery["status_code"] < 300 else "failed"
        self._world.deliveries.append(delivery)
        self._world.touch()


def targets(world: World, event: Event) -> list[_Target]:
    """Who wants to know of an event: the repository's hooks, and the apps that are installed there."""
    repository = event.repository
    found = [
        _Target(hook.url, hook.secret, hook.content_type, hook.id, "repository", repository.id, hook)
        for hook in repository.hooks.values()
        if event.hook_id in {None, hook.id}
        and (event.name == "ping" or (hook.active and ("*" in hook.events or event.name in hook.events)))
    ]
    return found + [app for app in _apps(world, repository) if event.hook_id in {None, app.hook_id}]


def _apps(world: World, repository: Repository) -> list[_Target]:
    return [
        _Target(i.app.webhook["url"], i.app.webhook["secret"], "json", i.app.id, "integration", i.app.id)
        for i in world.installations.values()
        if i.app.webhook
        and i.account is repository.owner
        and (i.repositories is None or repository.id in i.repositories)
    ]


def headers(target: _Target, delivery: Json, body: bytes) -> dict[str, str]:
    """What GitHub sends along."""
    kind = "application/json" if target.content_type == "json" else "application/x-www-form-urlencoded"
    sent = {
        "User-Agent": "GitHub-Hookshot/fa4e000",
        "Accept": "*/*",
        "Content-Type": kind,
        "X-GitHub-Event": delivery["event"],
        "X-GitHub-Delivery": delivery["guid"],
        "X-GitHub-Hook-ID": str(target.hook_id),
        "X-GitHub-Hook-Installation-Target-Type": target.kind,
        "X-GitHub-Hook-Installation-Target-ID": str(target.target_id),
    }
    if target.secret:
        key = target.secret.encode()
        sent["X-Hub-Signature"] = f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}"
        sent["X-Hub-Signature-256"] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
    return sent
