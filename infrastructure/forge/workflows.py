"""Whether a change touches what runs with a repository's rights: the workflows of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infrastructure.forge.bare import BareRepository
from infrastructure.forge.commits import write_tree

_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""What git knows the tree of nothing by."""

PLACE = ".github/workflows"

_PLACE = f":(icase){PLACE}"
"""Also in another case, and also when it is a file or link."""

_LONGEST = 200_000
"""Bytes of a workflow; GitHub takes none that is as long."""


def is_workflow(path: str) -> bool:
    """Return whether a file of a project stands where GitHub looks for workflows."""
    lower = path.lower()
    return lower == PLACE or lower.startswith(f"{PLACE}/")


def checks_of_pull_requests(tree: Path) -> tuple[str, ...]:
    """Return the names of the checks that a project's workflows will make of a pull request, as far as is sure.

    A job's check is called as the job. What comes under several names (`strategy`, `uses`) is left out,
    and so is what GitHub could not read.

    Args:
        tree: The project's files, hostile or not.
    """
    if (tree / ".github").is_symlink() or (tree / PLACE).is_symlink():
        return ()
    files = sorted(path for ending in ("yml", "yaml") for path in (tree / PLACE).glob(f"*.{ending}"))
    return tuple(dict.fromkeys(name for file in files for name in _names_of_checks(_read(file))))


def _read(file: Path) -> dict[Any, Any]:
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _LONGEST:
        return {}
    try:
        workflow = yaml.safe_load(file.read_bytes())
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return workflow if isinstance(workflow, dict) else {}


def _names_of_checks(workflow: dict[Any, Any]) -> Iterator[str]:
    # To YAML, `on` without quotes is a boolean.
    occasions = workflow.get("on", workflow.get(True))
    jobs = workflow.get("jobs")
    if not isinstance(jobs, dict) or not _is_plain_pull_request(occasions):
        return
    for key, job in jobs.items():
        if isinstance(job, dict) and not {"strategy", "uses"} & job.keys():
            name = str(job.get("name", key))
            if "${{" not in name:
                yield name


def _is_plain_pull_request(occasions: object) -> bool:
    """Return whether every pull request is meant, whatever it touches and wherever it goes."""
    if isinstance(occasions, dict):
        return "pull_request" in occasions and not occasions["pull_request"]
    return occasions == "pull_request" or (isinstance(occasions, list) and "pull_request" in occasions)


async def changed_in_tree(repository: BareRepository, tree: Path, since: str | None) -> tuple[str, ...]:
    """Return the paths of workflows in which a directory differs from a commit, or from nothing."""
    content = await write_tree(repository.git, tree)
    before = f"{since}^{{tree}}" if since else _EMPTY_TREE
    ended = await repository.git(
        "diff-tree", "-r", "-z", "--name-only", "--no-renames", before, content, "--", _PLACE
    )
    return _paths(ended.output)


async def changed_in_history(repository: BareRepository, base: str | None, head: str) -> tuple[str, ...]:
    """Return the paths of workflows that any commit between two touches, even if a later one undoes it."""
    commits = (head,) if base is None else (head, f"^{base}")
    ended = await repository.git(
        "log", "-m", "-z", "--format=", "--name-only", "--no-renames", *commits, "--", _PLACE
    )
    return _paths(ended.output)


def _paths(output: bytes) -> tuple[str, ...]:
    found = {path.decode(errors="replace").strip("\n") for path in output.split(b"\0")}
    return tuple(sorted(found - {""}))
