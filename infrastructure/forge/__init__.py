"""Forges: where projects' repositories live."""

from infrastructure.forge.choice import Places, forge_of, open_places
from infrastructure.forge.local import LocalForge
from infrastructure.forge.mixed import MixedForge
from infrastructure.forge.protocol import (
    BadTree,
    BranchMoved,
    Commit,
    Forge,
    ForgeUnavailable,
    LogEntry,
    NameTaken,
    NoCommit,
    NoRepository,
    Repository,
)
from infrastructure.forge.reading import FileInfo, Reading

__all__ = [
    "BadTree",
    "BranchMoved",
    "Commit",
    "FileInfo",
    "Forge",
    "ForgeUnavailable",
    "LocalForge",
    "LogEntry",
    "MixedForge",
    "NameTaken",
    "NoCommit",
    "NoRepository",
    "Places",
    "Reading",
    "Repository",
    "forge_of",
    "open_places",
]
