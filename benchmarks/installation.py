"""A throw-away installation to measure: real servers, durable as in the product."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey
from shared.migrations import upgrade


@dataclass(frozen=True, slots=True)
class Parts:
    """Where the servers are."""

    home: Path
    database_url: str
    redis_url: str


@asynccontextmanager
async def servers() -> AsyncIterator[Parts]:
    """Start PostgreSQL (fsync on) and Valkey; yield where they are."""
    with tempfile.TemporaryDirectory(prefix="telewright-benchmark-") as directory:
        postgres, valkey = EmbeddedPostgres(Path(directory)), EmbeddedValkey(Path(directory))
        try:
            await asyncio.to_thread(postgres.start)
            await asyncio.to_thread(valkey.start)
            await upgrade(postgres.url)
            yield Parts(Path(directory), postgres.url, valkey.url)
        finally:
            await asyncio.to_thread(valkey.stop)
            await asyncio.to_thread(postgres.stop)


def environment(parts: Parts) -> dict[str, str]:
    """Return what a process of this installation gets."""
    return {**os.environ, "DATABASE_URL": parts.database_url, "REDIS_URL": parts.redis_url}


@contextmanager
def process(role: str, parts: Parts) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker or a scheduler as a process of its own."""
    started = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.process", role], env=environment(parts), stderr=None
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.terminate()
            started.wait(30)
