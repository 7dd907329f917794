"""A deployed service is looked at within a time, whatever it sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from graph.orchestrator.probe import HttpProbe

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    "answer", [b"H", b"HTTP/1.1 103 Early Hints\r\n\r\n"], ids=["one byte after the other", "never the last"]
)
async def test_a_service_that_never_comes_to_an_end_does_not_answer(answer: bytes) -> None:
    async with _dripping(answer) as url, asyncio.timeout(20):
        fault = await HttpProbe(timeout_s=1).fault(url)

    assert fault == "it does not answer (TimeoutError)"


@contextlib.asynccontextmanager
async def _dripping(answer: bytes) -> AsyncIterator[str]:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                writer.write(answer)
                await writer.drain()
                await asyncio.sleep(0.05)

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
