"""What is seen of a service on its server: read outside of every transaction, since it takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from infrastructure.deploy.deployer import ServiceStatus
from infrastructure.search import Embedder, EmbeddingFailed
from shared.errors import TelewrightError, Unavailable

_PATIENCE_S = 5.0
"""How long a person waits for a server's answer before being told that there is none."""

_LONGEST_QUESTION = 4000


class ServiceReader(Protocol):
    """The part of a deployer that changes nothing."""

    async def status(self, project: str) -> ServiceStatus:
        """Say what runs."""

    async def logs(self, project: str, lines: int = 50) -> str:
        """Return the last lines the service wrote."""


class ServerSilent(Unavailable):
    """The server did not answer in time."""

    code = "server_silent"


@dataclass(frozen=True, slots=True)
class Observation:
    """What a server said about a project, or why it said nothing."""

    status: ServiceStatus | None = None
    logs: str | None = None
    vector: Sequence[float] | None = None
    """What an embeddings model made of a question."""
    error: TelewrightError | None = None


async def service_of(reader: ServiceReader, project: str) -> Observation:
    """Look at a project's service."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return Observation(status=await reader.status(project))
    except TimeoutError:
        return Observation(error=ServerSilent())
    except TelewrightError as error:
        return Observation(error=error)


async def logs_of(reader: ServiceReader, project: str, lines: int) -> Observation:
    """Read the last lines of a project's service."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return Observation(logs=await reader.logs(project, lines))
    except TimeoutError:
        return Observation(error=ServerSilent())
    except TelewrightError as error:
        return Observation(error=error)


async def meaning_of(embedder: Embedder, question: str) -> Observation:
    """Ask an embeddings model what a question means."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return Observation(vector=await embedder.embed_question(question[:_LONGEST_QUESTION]))
    except TimeoutError:
        return Observation(error=EmbeddingFailed())
    except TelewrightError as error:
        return Observation(error=error)
