"""`telewright up`: everything on this machine in one process tree, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

import psycopg
import structlog

from cli.processes import STARTS, Child
from infrastructure.embedded import Endpoints, embedded, revive
from infrastructure.local_server import LocalServer
from shared import logs, migrations
from shared.cancellation import to_the_end
from shared.errors import TelewrightError, unwrapped
from shared.settings import Settings

ROLES = ("worker", "scheduler")
BOT = "bot"
"""The role that runs where Telegram is set up."""

API = "api"
"""The role that runs where GitHub's webhooks are to be heard."""

NO_BOT = "There is no Telegram bot: put TELEGRAM_BOT_TOKEN and ALLOWED_USER_IDS into .env to have one."

LOOK_AGAIN_S = 2.0
"""How often the parts that run as daemons are looked after."""

ECHO_S = 0.5
"""Wrappers such as timeout(1) pass on a signal that the terminal has sent to all; that is no second wish."""

log = structlog.get_logger(__name__)


class Stop:
    """What the signals have asked for so far."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()
        self._first = 0.0

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGINT, SIGTERM and a closed terminal as a wish to stop; a second one as a wish to hurry."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self._heard)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    def _heard(self) -> None:
        now = time.monotonic()
        if not self.asked.is_set():
            self._first = now
            self.asked.set()
        elif now - self._first > ECHO_S:
            self.hurry.set()


async def up(settings: Settings) -> None:
    """Run the database, the cache, the local server, a worker, a scheduler and, if set up, the API and the bot.

    Returns when stopped by a signal, with everything ended in order: the children finish or
    hand back their work, then the local server, the cache and the database stop.

    Raises:
        BadSetting: The home cannot be made, half of what the bot needs is set, or METRICS_ADDRESS cannot be
            listened on.
        Conflict: Another `up` runs on this home.
        Unavailable: A part does not start, or does not stay.
    """
    logs.configure(settings)
    settings.make_home()
    roles = _roles(settings)
    stop = Stop()
    with stop.listening():
        everything = asyncio.create_task(_everything(settings, roles, stop))
        asked = asyncio.create_task(stop.asked.wait())
        await asyncio.wait({everything, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if not everything.done():
            _say("Stopping; Ctrl-C again to hurry.")
        everything.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await everything
    log.info("up.stopped")


def _roles(settings: Settings) -> Sequence[str]:
    """Return what has to run; where one of the bot's settings is made, the bot is wanted."""
    roles = [*ROLES, API] if settings.github_webhook_configured else [*ROLES]
    if settings.telegram_bot_token is None and not settings.allowed_user_ids:
        return roles
    settings.require_bot()
    return [*roles, BOT]


async def _everything(settings: Settings, roles: Sequence[str], stop: Stop) -> None:
    async with embedded(settings) as endpoints, _local_server(settings) as server:
        await asyncio.gather(
            to_the_end(migrations.upgrade(endpoints.database_url)), to_the_end(server.start())
        )
        before = await _newest_worker(endpoints.database_url)
        try:
            async with _counting(settings, endpoints) as counting, asyncio.TaskGroup() as together:
                for role in roles:
                    child = _child(role, settings, endpoints, stop, counting(role))
                    together.create_task(child.keep_running())
                together.create_task(_look_after(settings, server))
                await _newest_worker(endpoints.database_url, after=before)
                _say("Telewright is ready. Talk to it with `telewright chat`; Ctrl-C stops it.")
                if BOT not in roles:
                    _say(NO_BOT)
        except BaseExceptionGroup as failed:
            raise unwrapped(failed) from None


async def _newest_worker(database_url: str, *, after: int = -1) -> int:
    """Wait for a worker that registered after another; each gets a higher number.

    When none can start, its child ends `up`.
    """
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        while True:
            cursor = await connection.execute("SELECT COALESCE(max(id), 0) FROM procrastinate_workers")
            row = await cursor.fetchone()
            if row is not None and row[0] > after:
                return int(row[0])
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def _local_server(settings: Settings) -> AsyncIterator[LocalServer]:
    server = LocalServer(settings.home / "server")
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def _counting(
    settings: Settings, endpoints: Endpoints
) -> AsyncIterator[Callable[[str], dict[str, str]]]:
    """Show what all children count, if that is wanted; lend what tells a role's child where it counts."""
    if settings.metrics_address is None:
        yield lambda _role: {}
        return
    # Here, because whoever shows nothing needs no HTTP server.
    from cli.metrics.counting import tally
    from cli.metrics.server import exposed

    with tally(settings.home) as counted:
        async with exposed(settings.metrics_address, endpoints, counted, STARTS):
            yield counted.environment


def _child(
    role: str, settings: Settings, endpoints: Endpoints, stop: Stop, counting: Mapping[str, str]
) -> Child:
    environment = {
        **os.environ,
        **counting,
        "TELEWRIGHT_HOME": str(settings.home),
        "DATABASE_URL": endpoints.database_url,
        "REDIS_URL": endpoints.redis_url,
    }
    return Child(role, [sys.executable, "-m", "cli", role], environment, hurry=stop.hurry)


async def _look_after(settings: Settings, server: LocalServer) -> None:
    """Start again what has died: daemons are nobody's children, so nobody is told."""
    while True:
        await asyncio.sleep(LOOK_AGAIN_S)
        try:
            await revive(settings)
            await to_the_end(server.start())
        except TelewrightError as error:
            log.warning("part.unavailable", error=error.message, advice=error.advice)


def _say(line: str) -> None:
    print(line, flush=True)
