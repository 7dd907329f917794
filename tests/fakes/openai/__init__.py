"""A fake of a server that speaks OpenAI's protocol, as far as Telewright uses it: embeddings.

OpenAI's own client runs against it unchanged: give it `openai.url` and `openai.key`. Its vectors say which of
the topics a text is about, so that what a test calls alike lies near. See
https://platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from aiohttp import web


@dataclass
class FakeOpenAI:
    """The server, and what it was asked."""

    topics: Sequence[Sequence[str]] = ()
    """Words that mean the same; a vector has a number for each group."""
    key: str = field(default_factory=lambda: f"key-{secrets.token_hex(8)}")
    asked: list[dict[str, Any]] = field(default_factory=list)
    faults: deque[HTTPStatus] = field(default_factory=deque)
    """What the next calls are answered with instead."""
    silent: bool = False
    """Whether calls are never answered."""
    broken: bool = False
    """Whether the last vector of every answer is left out."""
    url: str = ""

    async def __aenter__(self) -> Self:
        """Listen on loopback."""
        application = web.Application()
        application.router.add_post("/v1/embeddings", self._embed)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _embed(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.asked.append(asked)
        if self.silent:
            await asyncio.Event().wait()
        if request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(HTTPStatus.UNAUTHORIZED, f"Incorrect API key: {request.headers['Authorization']}")
        if self.faults:
            return _error(self.faults.popleft(), "try again later")
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        vectors = [self.vector(text) for text in texts]
        if self.broken:
            vectors.pop()
        data = [
            {"object": "embedding", "index": index, "embedding": _written(vector, asked)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        return web.json_response({"object": "list", "data": data, "model": asked["model"], "usage": usage})

    def vector(self, text: str) -> list[float]:
        """Return how much a text is about each of the topics."""
        return [0.01, *(float(sum(word in text for word in words)) for words in self.topics)]


def _written(vector: Sequence[float], asked: dict[str, Any]) -> str | list[float]:
    if asked.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return list(vector)


def _error(status: HTTPStatus, message: str) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": "error", "param": None, "code": None}}, status=status
    )
