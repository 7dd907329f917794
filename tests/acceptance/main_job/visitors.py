"""People who use a service all the time, and notice everything that goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

HEADING = re.compile(r"<h1>(.*?)</h1>")


class Visitors:
    """Some people at one address."""

    def __init__(self, url: str, *, people: int = 1, pause_s: float = 0.05) -> None:
        self._url = url
        self._people = people
        self._pause_s = pause_s
        self.seen: Counter[str] = Counter()
        """How often each heading was seen."""
        self.failures: list[str] = []

    @asynccontextmanager
    async def about(self) -> AsyncIterator[None]:
        """Let them come while the block runs."""
        done = asyncio.Event()
        coming = [asyncio.create_task(self._come(done)) for _ in range(self._people)]
        try:
            yield
        finally:
            done.set()
            await asyncio.gather(*coming)

    async def _come(self, done: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            while not done.is_set():
                await self._look(client)
                await asyncio.sleep(self._pause_s)

    async def _look(self, client: httpx.AsyncClient) -> None:
        try:
            answer = await client.get(self._url)
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        heading = HEADING.search(answer.text)
        if answer.status_code == 200 and heading:
            self.seen[heading[1]] += 1
        else:
            self.failures.append(f"{answer.status_code} {answer.text[:80]}")


async def heading_at(url: str) -> str:
    """Return the heading that the page at an address has now."""
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        answer = (await client.get(url)).raise_for_status()
    found = HEADING.search(answer.text)
    assert found, answer.text[:200]
    return found[1]
