"""Releases: one immutable archive per commit, built once and shipped as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infrastructure.contract import DeployContract


@dataclass(frozen=True, slots=True)
class ReleaseArtifact:
    """One immutable archive, named by its commit.

    The archive is a `.tar.gz` with `app/` (the repository's files), `site-packages/`
    (its dependencies) and `release.json` (project, commit, Python version, contract),
    so that a server needs no network to run it.
    """

    project: str
    commit: str
    """40 hexadecimal digits."""
    digest: str
    """SHA-256 of the archive, in hexadecimal."""
    archive: Path
    contract: DeployContract
