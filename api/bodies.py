"""Requests' bodies, read as they come, with a bound on what all of them together hold in memory.

Whoever can reach the port may send whatever they like, for as long as nobody has looked at who they are.
Each body may have a small share, whatever others do. What it has beyond comes out of one pool for all:
when that is empty, large bodies are refused and small ones, as nearly all are, come through.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.errors import TooBusy, TooLarge, TooSlow

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is read, and for how long."""

    largest: int
    """Bytes that one body may have."""
    within_s: float
    """Seconds within which it has to be here, from its first byte to its last."""
    share: int = _MIB // 4
    """Bytes of each body that are kept whatever others hold."""
    pool: int = 32 * _MIB
    """Bytes beyond their shares that all bodies may hold together."""


class Bodies:
    """Reads bodies, each within its bounds and all of them within the pool."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._left = bounds.pool

    @asynccontextmanager
    async def read(self, request: Request, heed: Callable[[bytes], object]) -> AsyncIterator[bytearray]:
        """Lend a request's body; what it holds is given back after the block.

        Args:
            request: Whose body nobody has read yet.
            heed: Is given each piece as it comes.

        Raises:
            TooLarge: It has more bytes than it may have, by its own word or when they were counted.
            TooSlow: It was not here in time, or its sender has gone.
            TooBusy: The pool is empty.
        """
        self._require_length(request.headers.get("Content-Length", ""))
        body = bytearray()
        try:
            await self._fill(body, request, heed)
            yield body
        finally:
            self._give_back(body)

    async def _fill(self, body: bytearray, request: Request, heed: Callable[[bytes], object]) -> None:
        try:
            async with asyncio.timeout(self._bounds.within_s):
                async for piece in request.stream():
                    self._append(body, piece)
                    heed(piece)
        except (TimeoutError, ClientDisconnect) as error:
            raise TooSlow from error

    def _require_length(self, declared: str) -> None:
        if declared.isdigit() and int(declared) > self._bounds.largest:
            raise TooLarge

    def _append(self, body: bytearray, piece: bytes) -> None:
        if len(body) + len(piece) > self._bounds.largest:
            raise TooLarge
        # By what has come, and not by what was announced: who only announces keeps nobody out.
        more = self._beyond(len(body) + len(piece)) - self._beyond(len(body))
        if more > self._left:
            raise TooBusy
        self._left -= more
        body += piece

    def _give_back(self, body: bytearray) -> None:
        self._left += self._beyond(len(body))
        body.clear()

    def _beyond(self, size: int) -> int:
        """Return how much of so many bytes is not in a body's own share."""
        return max(0, size - self._bounds.share)
