"""Serving over HTTP until told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from api.connections import HEADER_S, impatient
from shared.errors import BadSetting

MOST_AT_ONCE = 64
"""Connections, also those that say nothing: what one may hold in memory is bounded, and so is how many there
are. When so many are open, whoever comes is answered 503; silent ones go after `connections.HEADER_S`."""

_DRAIN_S = 5
"""How long requests that are under way at the end may take."""

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn, which leaves signals to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: `shared.process` hears them."""
        yield


async def serve(
    app: FastAPI, host: str, port: int, *, most_at_once: int = MOST_AT_ONCE, header_s: float = HEADER_S
) -> None:
    """Serve until cancelled; what is under way is finished.

    Args:
        app: What answers.
        host: The address to listen on.
        port: The port; 0 takes any that is free, and the log says which.
        most_at_once: Connections, from which on requests are answered 503.
        header_s: Seconds after which a connection without a whole header is closed.

    Raises:
        BadSetting: The address cannot be listened on.
    """
    with _listener(host, port) as listener:
        server = _Server(
            uvicorn.Config(
                app,
                http=impatient(header_s),
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=False,
                server_header=False,
                limit_concurrency=most_at_once,
                timeout_graceful_shutdown=_DRAIN_S,
            )
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="api.serve")
        log.info("api.listening", host=host, port=listener.getsockname()[1])
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving
    log.info("api.stopped")


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise BadSetting(
            f"API_HOST, API_PORT: {host}:{port} cannot be listened on: {error.strerror or error}"
        ) from error
