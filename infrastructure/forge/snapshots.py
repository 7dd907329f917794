"""Snapshots of work in progress: commits without a parent that stand in no branch."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from infrastructure.forge.bare import BareRepository
from infrastructure.forge.commits import full_message, write_commit, write_tree


async def write_snapshot(repository: BareRepository, tree: Path, *, run: str, author_date: datetime) -> str:
    """Write a directory's content as a commit of its own, and return its id."""
    content = await write_tree(repository.git, tree)
    message = full_message("Work in progress", {"Telewright-Run": run})
    return await write_commit(repository.git, content, message, author_date, None)
