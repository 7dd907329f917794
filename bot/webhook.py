"""The webhook: requests that prove to come from Telegram are stored, then answered with 200."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Final, assert_never

import structlog
from aiogram import Bot
from aiogram.webhook.security import DEFAULT_TELEGRAM_NETWORKS
from aiohttp import web
from prometheus_client import Counter, Gauge

from bot.access import HEARD
from bot.insistence import insist
from bot.reception import Reception
from bot.updates import read_update
from shared.errors import BadSetting
from shared.outages import OUTAGE
from shared.settings import AddressCheck, Settings

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - its name
LARGEST: Final = 1024 * 1024
"""Bytes that a request may have; Telegram's largest updates have a tenth of it."""

_LOOK_EVERY_S: Final = 60.0

WAITING = Gauge(
    "telewright_bot_webhook_waiting_updates",
    "Updates that Telegram has not delivered yet",
    multiprocess_mode="livemostrecent",
)
UNDELIVERED = Counter(
    "telewright_bot_webhook_undelivered_total", "Times that Telegram was seen to have failed to deliver"
)
REFUSED = Counter("telewright_bot_webhook_refused_total", "Webhook requests that did not come from Telegram")

log = structlog.get_logger(__name__)


def secret_for(token: str) -> str:
    """Return what Telegram sends with each request: every process that has the bot's token knows it."""
    return hmac.new(token.encode(), b"telewright: secret token of the webhook", hashlib.sha256).hexdigest()


class Webhook:
    """Takes in updates over HTTP. Any number of processes may do so."""

    def __init__(
        self, bot: Bot, reception: Reception, settings: Settings, *, look_every_s: float = _LOOK_EVERY_S
    ) -> None:
        """Put it together.

        Args:
            bot: Whose updates come.
            reception: Where they are stored.
            settings: The public address, where to listen, and which addresses are let through.
            look_every_s: How often Telegram is asked whether it delivers.
        """
        self._bot = bot
        self._reception = reception
        self._url = settings.telegram_webhook_url
        self._host, self._port = settings.telegram_webhook_listen
        self._address_check = settings.telegram_webhook_check_address
        self._secret = secret_for(bot.token)
        self._last_error: datetime | None = None
        self._look_every_s = look_every_s

    async def serve(self) -> None:
        """Take in what comes, until cancelled; what is under way is finished.

        Raises:
            BadSetting: The address cannot be listened on.
        """
        application = web.Application(client_max_size=LARGEST)
        # Whatever the path: a proxy may shorten it, and it is not what proves anything.
        application.router.add_post("/{path:.*}", self._receive)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=5)
        await runner.setup()
        try:
            await self._listen(runner)
            await asyncio.get_running_loop().create_future()
        finally:
            await runner.cleanup()

    async def keep_registered(self) -> None:
        """Tell Telegram where to send updates, and look now and then whether it does, for ever.

        Somebody else may have taken the address away; and what keeps Telegram from delivering
        (a certificate, a proxy, a name that is not found) shows nowhere else.
        """
        await self._register()
        while True:
            await asyncio.sleep(self._look_every_s)
            info = await insist(self._bot.get_webhook_info)
            if info.url != self._url:
                log.warning("webhook.lost", url=info.url)
                await self._register()
            WAITING.set(info.pending_update_count)
            if info.last_error_date is not None and info.last_error_date != self._last_error:
                UNDELIVERED.inc()
                log.warning(
                    "webhook.failing", error=info.last_error_message, waiting=info.pending_update_count
                )
            self._last_error = info.last_error_date

    async def _register(self) -> None:
        await insist(self._set)
        log.info("webhook.set", url=self._url)

    async def _set(self) -> None:
        assert self._url is not None  # noqa: S101
        await self._bot.set_webhook(
            self._url, secret_token=self._secret, allowed_updates=list(HEARD), drop_pending_updates=False
        )

    async def _listen(self, runner: web.AppRunner) -> None:
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            raise BadSetting(
                f"TELEGRAM_WEBHOOK_LISTEN: {self._host}:{self._port} cannot be listened on: {error.strerror}"
            ) from error
        log.info("webhook.listening", host=self._host, port=self._port)

    async def _receive(self, request: web.Request) -> web.Response:
        """Answer one request; 200 means that its update is stored."""
        if not self._proves_telegram(request):
            REFUSED.inc()
            return web.Response(status=401)
        try:
            raw = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400)
        update = read_update(raw, self._bot)
        if update is None:
            # Telegram would send it again and again, and nothing after it.
            return web.Response(status=200)
        try:
            await self._reception.take([update])
        except OUTAGE as error:
            log.warning("database.missed", error=str(error).partition("\n")[0])
            return web.Response(status=503)
        return web.Response(status=200)

    def _proves_telegram(self, request: web.Request) -> bool:
        secret = request.headers.get(SECRET_HEADER, "")
        # Compared as bytes and to the end, so that the time it takes tells nothing.
        proven = hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), self._secret.encode())
        return proven and self._comes_from_telegram(request)

    def _comes_from_telegram(self, request: web.Request) -> bool:
        match self._address_check:
            case AddressCheck.OFF:
                return True
            case AddressCheck.PEER:
                return is_telegrams(request.remote or "")
            case AddressCheck.FORWARDED:
                # Only the last entry is our proxy's; those before it are whatever the sender wrote.
                hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
                return is_telegrams(hops[-1].strip())
            case _:
                assert_never(self._address_check)


def is_telegrams(address: str) -> bool:
    """Return whether an address is in Telegram's ranges (https://core.telegram.org/bots/webhooks)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed
    return any(parsed in network for network in DEFAULT_TELEGRAM_NETWORKS)
