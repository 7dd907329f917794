"""Looks at a deployed service from where people look: over HTTP."""

from __future__ import annotations

import asyncio
from typing import Protocol

import httpx


class Probe(Protocol):
    """Asks an address whether somebody answers."""

    async def fault(self, url: str) -> str | None:
        """Return why the address does not answer as it should, in a few words; None if it does."""


class HttpProbe:
    """Asks with one GET request."""

    def __init__(self, *, timeout_s: float = 5) -> None:
        self._timeout_s = timeout_s

    async def fault(self, url: str) -> str | None:
        """See `Probe.fault`."""
        try:
            # Without the environment: a proxy for the internet would be asked for a loopback address.
            # Streamed, so that a body of any size is not read.
            async with (
                # In all: a hostile service may send a byte now and then, and never an answer.
                asyncio.timeout(self._timeout_s),
                httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as client,
                client.stream("GET", url) as response,
            ):
                return None if response.is_success else f"it answers {response.status_code}"
        except (httpx.HTTPError, TimeoutError) as error:
            return f"it does not answer ({type(error).__name__})"
