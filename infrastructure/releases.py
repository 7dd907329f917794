"""Releases: one immutable archive per commit, with the project and all it needs inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infrastructure.contract import DeployContract
from infrastructure.dependencies import Dependencies
from infrastructure.forge import Forge, Repository


@dataclass(frozen=True, slots=True)
class ReleaseArtifact:
    """A release that stands on this machine, ready to be shipped."""

    project: str
    commit: str
    digest: str
    """`sha256:` and the archive's SHA-256 in hexadecimal."""
    archive: Path
    """A `.tar.gz` of `release.json`, `app/` and `site-packages/`."""
    contract: DeployContract


class ReleaseBuilder:
    """Builds releases into `<home>/releases/<project>/<commit>.tar.gz`."""

    def __init__(self, home: Path, forge: Forge, dependencies: Dependencies) -> None:
        self._root = home / "releases"
        self._forge = forge
        self._dependencies = dependencies

    async def build(self, repository: Repository, commit: str) -> ReleaseArtifact:
        """Return the release of a commit, building it if it does not stand yet.

        The same commit gives the same archive, byte for byte.

        Raises:
            NoCommit: The repository has no such commit.
            BadContract: The commit has no usable `deploy.yaml`.
            BadLock: Its lock file cannot be used.
            DependenciesUnavailable: Its packages could not be installed.
        """
        raise NotImplementedError

    async def find(self, project: str, commit: str) -> ReleaseArtifact | None:
        """Return a release that was built before, or None."""
        raise NotImplementedError

    async def remove(self, project: str, commit: str) -> None:
        """Delete a release's archive. One that is gone already is fine."""
        raise NotImplementedError
