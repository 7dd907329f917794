"""Who does not say what they want keeps nobody out for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from api.server import serve
from tests.engine import until
from tests.ports import free_port, is_listened_on

MOST_AT_ONCE = 8
HALF = b"GET / HTTP/1.1\r\nHost: he"


@pytest.mark.parametrize("said", [b"", HALF], ids=["silence", "half-a-header"])
async def test_a_place_taken_without_a_request_is_free_again_after_the_limit(said: bytes) -> None:
    async with served(header_s=2) as port:
        connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST_AT_ONCE)]
        for _, writer in connections:
            writer.write(said)
        kept_out = await status(port)
        async with asyncio.timeout(10):
            rest = await asyncio.gather(*(reader.read() for reader, _ in connections))

        assert (kept_out, await status(port)) == (503, 200)
        assert set(rest) == {b""}
        for _, writer in connections:
            writer.close()


async def test_a_header_that_drips_gets_no_more_time_and_neither_does_a_second_one() -> None:
    async with served(header_s=1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"hello")
        dripping = asyncio.create_task(_drip(writer))
        # What drips in when it has been closed already is answered with a reset.
        with suppress(ConnectionResetError):
            async with asyncio.timeout(10):
                assert await reader.read() == b""
        dripping.cancel()
        writer.close()


async def test_a_request_may_take_longer_than_its_header() -> None:
    async with served(header_s=1) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/slow")).text == "done"


@asynccontextmanager
async def served(*, header_s: float) -> AsyncIterator[int]:
    """Have an application served within narrow limits, and yield its port."""
    port = free_port()
    serving = asyncio.create_task(
        serve(app(), "127.0.0.1", port, most_at_once=MOST_AT_ONCE, header_s=header_s)
    )
    await until(lambda: is_listened_on(port))
    yield port
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


def app() -> FastAPI:
    app = FastAPI()

    async def hello() -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def slow() -> PlainTextResponse:
        await asyncio.sleep(1.3)
        return PlainTextResponse("done")

    app.add_api_route("/", hello)
    app.add_api_route("/slow", slow)
    return app


async def status(port: int) -> int:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        return (await client.get("/")).status_code


async def _drip(writer: asyncio.StreamWriter) -> None:
    for byte in HALF + b"x" * 1000:
        if writer.is_closing():
            return
        writer.write(bytes([byte]))
        await asyncio.sleep(0.02)
