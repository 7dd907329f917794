"""Forges: where projects' repositories live."""

from infrastructure.forge.choice import forge_of
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

__all__ = [
    "BadTree",
    "BranchMoved",
    "Commit",
    "Forge",
    "ForgeUnavailable",
    "LocalForge",
    "LogEntry",
    "NameTaken",
    "NoCommit",
    "NoRepository",
    "Repository",
    "forge_of",
]
