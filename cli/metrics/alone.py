"""A process that was started alone, and shows its own figures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infrastructure.embedded import endpoints
from shared.settings import Settings


@asynccontextmanager
async def exposing_itself(settings: Settings) -> AsyncIterator[None]:
    """Show the process's figures while the block runs, if that is wanted.

    Raises:
        BadSetting: The address cannot be listened on.
        Unavailable: Nothing runs for this home.
    """
    if settings.metrics_address is None:
        yield
        return
    # Here, because whoever shows nothing needs no HTTP server.
    from prometheus_client import REGISTRY

    from cli.metrics.server import exposed

    async with exposed(settings.metrics_address, await endpoints(settings), REGISTRY):
        yield
