"""A project's files in the run's workspace: as they were approved, and as they were tested."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from graph.context import RunContext
from graph.orchestrator.attached import hand_over
from graph.orchestrator.plan import blueprint_digest
from graph.orchestrator.repository import made_repository
from graph.orchestrator.state import State, brief_of
from graph.orchestrator.tools import Tools
from graph.orchestrator.world import project_of, repository_of
from infrastructure.forge import NoCommit
from infrastructure.forge.omissions import remove_omissions
from shared.errors import Conflict

_TREE = "tree"


class BlueprintChanged(Conflict):
    """The blueprint has changed since the plan was approved."""

    code = "blueprint_changed"
    advice = "Start the build anew, and look at its plan again."


class TreeChanged(Conflict):
    """The project's files are not the ones that were tested."""

    code = "tree_changed"
    advice = "Start the build anew."


async def write_tree(state: State, context: RunContext, tools: Tools) -> Path:
    """Write the project's files into the workspace: from a commit, as they were saved, or from the blueprint.

    Raises:
        BlueprintChanged: The blueprint is not the one whose plan was approved, and nothing was saved.
        NoCommit: The commit is not in the repository any more.
        NoRepository: There is no such repository, or not on this machine.
    """
    workspace = await tools.workspaces.reset(str(context.run.id))
    await hand_over(context, tools, workspace)
    tree = workspace / _TREE
    if "commit" in state:
        project = await project_of(context, state)
        await tools.forge.export(repository_of(project), state["commit"], tree)
    elif not await _restore(state, context, tools, tree):
        await _write_anew(state, tools, tree)
    return tree


async def written_tree(state: State, context: RunContext, tools: Tools) -> Path:
    """Return the project's files, writing them again if a crash or another machine lost them.

    Raises:
        TreeChanged: They come out differently now.
    """
    tree = await tools.workspaces.ensure(str(context.run.id)) / _TREE
    if await asyncio.to_thread(digest_of_tree, tree) == state["tree"]:
        return tree
    tree = await write_tree(state, context, tools)
    if await asyncio.to_thread(digest_of_tree, tree) != state["tree"]:
        raise TreeChanged
    return tree


async def _restore(state: State, context: RunContext, tools: Tools, tree: Path) -> bool:
    """Write the files as they were saved, and return whether they were.

    Also what a worker has saved that did not live to note it: its coder need not write the same files twice.
    """
    repository = await made_repository(context)
    if "tree" not in state or repository is None or tools.hosting is None:
        return False
    saved = state.get("kept") or await tools.forge.saved_work(repository, run=str(context.run.id))
    if saved is None:
        return False
    try:
        await tools.forge.export(repository, saved, tree)
    except NoCommit:
        # Somebody has deleted the hidden reference.
        return False
    return True


async def _write_anew(state: State, tools: Tools, tree: Path) -> None:
    if await blueprint_digest(tools, state["blueprint"]) != state["blueprint_digest"]:
        raise BlueprintChanged
    await tools.coder.write(brief_of(state), tree)
    # Before anything looks at it: what no commit has could neither be saved nor deployed with what was tested.
    await remove_omissions(tree)


def copy_for_tests(tree: Path) -> Path:
    """Return a copy, since tests are hostile and may change what they test."""
    copy = Path(tempfile.mkdtemp(prefix="tests-", dir=tree.parent))
    shutil.copytree(tree, copy, symlinks=True, dirs_exist_ok=True)
    return copy


def digest_of_tree(tree: Path) -> str:
    """Return the SHA-256 (hex) of all files: their names, whether they may be run, their content."""
    digest = hashlib.sha256()
    for file in files_of(tree):
        path = tree / file
        content = str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        runnable = path.is_symlink() or os.access(path, os.X_OK)
        digest.update(f"{file}\0{runnable}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def files_of(tree: Path) -> list[str]:
    """Return the names of all files, sorted; symbolic links are files and not followed."""
    return sorted(_walk(tree))


def _walk(tree: Path) -> Iterator[str]:
    for parent, directories, names in os.walk(tree):
        links = [name for name in directories if Path(parent, name).is_symlink()]
        yield from (str(Path(parent, name).relative_to(tree)) for name in [*names, *links])
