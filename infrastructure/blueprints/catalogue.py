"""Which blueprints there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from infrastructure import contract
from shared.errors import NotFound

HOME = Path(__file__).resolve().parents[2] / "blueprints"
"""Where the blueprints that come with Telewright stand."""


class UnknownBlueprint(NotFound):
    """There is no such blueprint."""

    code = "unknown_blueprint"
    advice = "Choose one of the blueprints named above."


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A Copier template of a runnable, tested, deployable project."""

    name: str
    summary: str
    """What it makes, in a line."""
    directory: Path
    secrets: tuple[str, ...] = ()
    """The environment variables a project made from it needs before it can be deployed."""


def catalogue() -> list[Blueprint]:
    """Return the blueprints that come with Telewright, by name."""
    return [_read(file.parent) for file in sorted(HOME.glob("*/copier.yml"))]


def find(name: str) -> Blueprint:
    """Return one blueprint.

    Raises:
        UnknownBlueprint: There is none of that name; the message says which there are.
    """
    known = {blueprint.name: blueprint for blueprint in catalogue()}
    if name not in known:
        raise UnknownBlueprint(f"There is no such blueprint. There are: {', '.join(known)}.")
    return known[name]


def _read(directory: Path) -> Blueprint:
    content = yaml.safe_load((directory / "copier.yml").read_text(encoding="utf-8"))
    environment = contract.load(directory / "template").environment
    return Blueprint(
        name=directory.name,
        summary=content["_message_before_copy"],
        directory=directory,
        secrets=tuple(sorted(name for name, variable in environment.items() if variable.secret)),
    )
