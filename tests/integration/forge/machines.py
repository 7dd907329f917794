"""Places where repositories can live, seen from as many machines as wanted."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Protocol

from infrastructure.forge import Forge, LocalForge, Repository
from infrastructure.forge.github import FixedToken, GitHubClient, GitHubForge, Patience
from infrastructure.forge.github.client import TIMEOUT_S
from infrastructure.forge.github.tokens import Credentials
from tests.fakes.github import GitHub, Project


class Place(Protocol):
    """Where a forge's repositories are."""

    def elsewhere(self) -> Forge:
        """The forge of another machine, which has no copies yet."""
        ...


class ThisMachine:
    """Local repositories: another machine is another forge in the same home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def elsewhere(self) -> Forge:
        """Another forge in the same home."""
        return LocalForge(self._home)


class OnGitHub:
    """A GitHub, and the machines that work with it."""

    def __init__(self, github: GitHub, homes: Path) -> None:
        self.github = github
        self._homes = (homes / f"home-{number}" for number in itertools.count())
        self._built: list[GitHubForge] = []

    def elsewhere(
        self,
        *,
        owner: str | None = None,
        patience_s: float = 15,
        token: str | None = None,
        credentials: Credentials | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> GitHubForge:
        """The forge of another machine; with the owner's token unless there is something else."""
        whose = credentials or FixedToken(token or self.github.token, self.github.url)
        client = GitHubClient(whose, self.github.url, Patience(patience_s), timeout_s=timeout_s)
        self._built.append(GitHubForge(next(self._homes), client, owner))
        return self._built[-1]

    def project(self, repository: Repository) -> Project:
        """A repository in the hands of people."""
        assert repository.id is not None
        return Project(self.github, repository.id)

    def close(self) -> None:
        """Let go of all machines' threads."""
        for forge in self._built:
            forge.close()
