"""`/metrics` over HTTP, at an address of its own: neither the API nor the webhooks' server shows it to anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.registry import Collector

from cli.metrics.address import PATH, url_of
from cli.metrics.stored import Stored
from infrastructure.embedded import Endpoints
from shared.errors import BadSetting

log = structlog.get_logger(__name__)


@asynccontextmanager
async def exposed(address: tuple[str, int], servers: Endpoints, *counted: Collector) -> AsyncIterator[None]:
    """Answer whoever asks for figures while the block runs.

    Args:
        address: Where to listen.
        servers: Whose census is shown.
        counted: What processes have counted.

    Raises:
        BadSetting: The address cannot be listened on.
    """
    runner = web.AppRunner(_application(Stored(servers), counted), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await _listen(runner, address)
        yield
    finally:
        await runner.cleanup()


def _application(stored: Stored, counted: tuple[Collector, ...]) -> web.Application:
    # When a counter was made says nothing that its process's start does not.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for collector in (*counted, stored):
        registry.register(collector)
    answer = make_aiohttp_handler(registry)

    async def read_and_answer(request: web.Request) -> web.StreamResponse:
        await stored.read()
        return await answer(request)

    application = web.Application()
    application.router.add_get(PATH, read_and_answer)
    return application


async def _listen(runner: web.AppRunner, address: tuple[str, int]) -> None:
    host, port = address
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise BadSetting(
            f"METRICS_ADDRESS: {host}:{port} cannot be listened on: {error.strerror or error}",
            advice="Set it to a free address of this machine; each process that is started alone needs its own.",
        ) from error
    log.info("metrics.listening", url=url_of(address))
