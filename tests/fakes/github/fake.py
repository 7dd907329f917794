"""The fake GitHub in this process: an HTTP server on a loopback port, and what tests do with it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fakes.github import validation
from tests.fakes.github.actions import ACTIONS
from tests.fakes.github.errors import Value
from tests.fakes.github.front import GitHub
from tests.fakes.github.server import Server
from tests.fakes.github.world import World


class FakeGitHub(GitHub):
    """GitHub on `127.0.0.1`, in the running event loop.

    Its clients must not run in that loop's thread: PyGithub and git block.

    Args:
        owner: The login of the owner.
        validate: Hold every answer against GitHub's description; off where speed matters.
        unknown_for: How often a pull request is said to be neither mergeable nor not, after it has changed.
        token: The owner's token; a new one unless given.
        port: Where to listen; any free port unless given.
    """

    def __init__(
        self,
        *,
        owner: str = "ann",
        validate: bool = True,
        unknown_for: int = 1,
        token: str | None = None,
        port: int = 0,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fake-github-", ignore_cleanup_errors=True)
        self.world = World(Path(self._folder.name), validate=validate, unknown_for=unknown_for)
        self.owner = owner
        self.token = self.world.add_token(self.world.ensure_account(owner), value=token).value
        self.url = ""
        self._server = Server(self.world, port)

    def act(self, name: str, /, **params: Value) -> Value:
        """Do an action on the server's state."""
        return ACTIONS[name](self.world, **params)

    async def start(self) -> None:
        """Listen; `url` is known from now on."""
        validation.excerpt()
        self.url = await self._server.start()

    async def stop(self) -> None:
        """Stop listening; connections are closed and the repositories are gone."""
        await self._server.stop()
        self._folder.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if kind is None:
            self.check()

    async def _changed(self, timeout_s: float) -> None:
        await self.world.changed(timeout_s)
