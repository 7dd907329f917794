"""What is seen of a service on its server, and of its repository: read outside of every transaction.

It takes its time, and an answer's transaction should not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from infrastructure.deploy.deployer import ServiceStatus
from infrastructure.forge import Repository
from infrastructure.forge.hosting import OpenIssues
from infrastructure.search import Embedder, EmbeddingFailed
from shared.errors import NotNow, TelewrightError, Unavailable

_PATIENCE_S = 5.0
"""How long a person waits for the answer of a server or GitHub before being told that there is none."""

_LONGEST_QUESTION = 4000

_ISSUES_SHOWN = 20


class ServiceReader(Protocol):
    """The part of a deployer that changes nothing."""

    async def status(self, project: str) -> ServiceStatus:
        """Say what runs."""

    async def logs(self, project: str, lines: int = 50) -> str:
        """Return the last lines the service wrote."""


class IssueReader(Protocol):
    """The part of a hosting that knows the issues of repositories, and changes nothing."""

    async def open_issues(self, repository: Repository, *, most: int) -> OpenIssues:
        """Return some of the open issues, the newest first, and how many more there are."""


class ServerSilent(Unavailable):
    """The server did not answer in time."""

    code = "server_silent"


class GitHubSilent(Unavailable):
    """GitHub did not answer in time."""

    code = "github_silent"
    advice = "Ask again in a while, or look at githubstatus.com."


class GitHubPauses(Unavailable):
    """GitHub takes no more requests from us for a while."""

    code = "github_pauses"
    advice = "Ask again then."


@dataclass(frozen=True, slots=True)
class Observation:
    """What a server or GitHub said about a project, or why it said nothing."""

    status: ServiceStatus | None = None
    logs: str | None = None
    issues: OpenIssues | None = None
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


async def issues_of(
    reader: IssueReader, repository: Repository, *, patience_s: float = _PATIENCE_S
) -> Observation:
    """Read the newest open issues of a repository."""
    try:
        async with asyncio.timeout(patience_s):
            return Observation(issues=await reader.open_issues(repository, most=_ISSUES_SHOWN))
    except TimeoutError:
        return Observation(error=GitHubSilent())
    except NotNow as pause:
        # Its own advice is for a run, which goes on by itself; an answer does not.
        return Observation(error=GitHubPauses(pause.message))
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
