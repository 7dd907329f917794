"""Forges: where projects' repositories live."""

from infrastructure.forge.choice import Places, forge_of, open_places
from infrastructure.forge.local import LocalForge
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
from infrastructure.forge.whereabouts import Whereabouts

__all__ = [
    "BadTree",
    "BranchMoved",
    "Commit",
    "FileInfo",
    "Forge",
    "ForgeUnavailable",
    "LocalForge",
    "LogEntry",
    "NameTaken",
    "NoCommit",
    "NoRepository",
    "Places",
    "Reading",
    "Repository",
    "Whereabouts",
    "forge_of",
    "open_places",
]
