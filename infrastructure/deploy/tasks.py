"""What a deployment's playbook does, task by task: for people who decide about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

_DEPLOY = Path(__file__).parent / "playbooks" / "deploy.yml"


def deployment_tasks() -> list[str]:
    """Return the tasks of a deployment by their names, in their order; what follows a failure says so."""
    [play] = yaml.safe_load(_DEPLOY.read_text(encoding="utf-8"))
    return list(_named(play["tasks"]))


def _named(tasks: list[Mapping[str, Any]], behind: str = "") -> Iterator[str]:
    for task in tasks:
        if "block" not in task:
            yield f"{task['name']}{behind}"
            continue
        yield from _named(task["block"], behind)
        yield from _named(task.get("rescue", []), " (only if that fails)")
