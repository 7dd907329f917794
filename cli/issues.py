"""Where a conversation reads the issues of projects: on GitHub, if it is set up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from graph.conversation import IssueReader
from infrastructure.forge import Repository, open_places
from infrastructure.forge.hosting import Hosting, NoIssues, OpenIssues
from shared.settings import Settings

_PATIENCE_S = 3.0
"""Less than a conversation waits: what GitHub says of itself tells more than that it is silent."""


@contextmanager
def open_issues(settings: Settings) -> Iterator[IssueReader | None]:
    """Lend what reads issues, and nothing where GitHub is not set up."""
    if not settings.github_configured:
        yield None
        return
    with ExitStack() as lent:
        yield _OnceAsked(settings, lent)


class _OnceAsked:
    """Goes to GitHub when it is asked first: the library takes half a second and 28 MB, and few ask."""

    def __init__(self, settings: Settings, lent: ExitStack) -> None:
        self._settings = settings
        self._lent = lent
        self._opening = asyncio.Lock()
        self._hosting: Hosting | None = None

    async def open_issues(self, repository: Repository, *, most: int) -> OpenIssues:
        """See `Hosting.open_issues`."""
        hosting = await self._opened()
        return await hosting.open_issues(repository, most=most)

    async def _opened(self) -> Hosting:
        async with self._opening:
            if self._hosting is None:
                self._hosting = await asyncio.to_thread(self._open)
            return self._hosting

    def _open(self) -> Hosting:
        hosting = self._lent.enter_context(open_places(self._settings, patience_s=_PATIENCE_S)).hosting
        if hosting is None:
            raise NoIssues
        return hosting
