"""Bodies take no more memory together than they may, and no more time, whoever sends them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse

from api.bodies import Bodies, Bounds
from api.errors import render
from api.server import serve
from shared.errors import TelewrightError
from tests.deliveries import PATH, body_of, headers_of
from tests.engine import until
from tests.installation import Installation
from tests.ports import free_port, is_listened_on

KIB = 1024
MIB = 1024 * KIB
STRANGERS = 60


def app_of(bounds: Bounds) -> FastAPI:
    """Answers with the size of what was sent."""
    app, bodies = FastAPI(), Bodies(bounds)

    async def size(request: Request) -> PlainTextResponse:
        heard: list[int] = []
        async with bodies.read(request, lambda piece: heard.append(len(piece))) as body:
            assert sum(heard) == len(body)
            return PlainTextResponse(str(len(body)))

    app.add_exception_handler(TelewrightError, render)
    app.add_api_route("/", size, methods=["POST"])
    return app


def client_of(bounds: Bounds) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app_of(bounds), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://telewright")


class Held:
    """A body that comes up to its last byte, and then waits."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.is_here = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x" * (self._size - 1)
        self.is_here.set()
        await self.goes_on.wait()
        yield b"x"


async def test_what_is_beyond_the_shares_comes_out_of_one_pool_and_is_given_back() -> None:
    held = Held(90)
    async with client_of(Bounds(largest=100, within_s=30, share=20, pool=100)) as client:
        first = asyncio.create_task(client.post("/", content=held))
        await held.is_here.wait()

        assert (await client.post("/", content=b"x" * 60)).status_code == 503
        assert (await client.post("/", content=b"x" * 50)).text == "50"
        assert (await client.post("/", content=b"x" * 20)).text == "20"
        held.goes_on.set()

        assert (await first).text == "90"
        for _ in range(3):
            assert (await client.post("/", content=b"x" * 100)).text == "100"


async def test_small_bodies_come_through_when_the_pool_is_empty() -> None:
    held = Held(100)
    async with client_of(Bounds(largest=100, within_s=30, share=20, pool=79)) as client:
        first = asyncio.create_task(client.post("/", content=held))
        await held.is_here.wait()

        answers = [await client.post("/", content=b"x" * size) for size in (1, 20, 21)]
        held.goes_on.set()

        assert [one.status_code for one in answers] == [200, 200, 503]
        assert answers[-1].json()["error"]["code"] == "too_busy"
        assert (await first).status_code == 503


async def test_what_was_refused_holds_nothing() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x"

    async with client_of(Bounds(largest=100, within_s=30, share=20, pool=80)) as client:
        for _ in range(3):
            assert (await client.post("/", content=endless())).status_code == 413
        assert (await client.post("/", content=b"x" * 100)).text == "100"


async def test_a_slow_body_ends_at_the_time_limit_and_its_connection_with_it() -> None:
    async with served(app_of(Bounds(largest=100, within_s=0.3))) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n")
        dripping = asyncio.create_task(_drip(writer))
        async with asyncio.timeout(10):
            answer = await reader.read()
        dripping.cancel()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 408 ")


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[int]:
    """Have an application served, and yield its port."""
    port = free_port()
    serving = asyncio.create_task(serve(app, "127.0.0.1", port))
    await until(lambda: is_listened_on(port))
    yield port
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def _drip(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.05)


@pytest.fixture
def installation(home: Path, database_url: str, redis_url: str) -> Iterator[Installation]:
    """An installation with a webhook; nothing runs yet."""
    settings = {
        "GITHUB_TOKEN": secrets.token_hex(20),
        "GITHUB_WEBHOOK_SECRET": secrets.token_hex(16),
        "API_PORT": str(free_port()),
    }
    there = Installation(home, database_url, redis_url, settings)
    yield there
    there.stop()


async def test_strangers_with_large_slow_bodies_take_little_memory_and_keep_nobody_out(
    installation: Installation,
) -> None:
    port = int(installation.settings["API_PORT"])
    secret = installation.settings["GITHUB_WEBHOOK_SECRET"]
    api = psutil.Process(installation.start("api").pid)
    await until(lambda: is_listened_on(port), within_s=60)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert await _delivers(client, secret)
        before = api.memory_info().rss
        strangers = [asyncio.create_task(_send_nearly_all(port, 8 * MIB)) for _ in range(STRANGERS)]
        sent = await asyncio.gather(*strangers)
        taken = 0
        # What the kernel has buffered is read while others are answered.
        for _ in range(50):
            assert await _delivers(client, secret)
            taken = max(taken, api.memory_info().rss - before)
    for writer in filter(None, sent):
        writer.close()

    assert taken < 80 * MIB


async def _send_nearly_all(port: int, size: int) -> asyncio.StreamWriter | None:
    """Send a body but for its last byte, and stay. Returns nothing where the connection was closed."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = headers_of(b"", secrets.token_hex(16)) | {"Host": "here", "Content-Length": str(size)}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.transport.set_write_buffer_limits(0)
    try:
        writer.write(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + b"x" * (size - 1))
        await writer.drain()
    except OSError:
        return None
    return writer


async def _delivers(client: httpx.AsyncClient, secret: str) -> bool:
    body = body_of(repository=None)
    return (await client.post(PATH, content=body, headers=headers_of(body, secret))).status_code == 202
