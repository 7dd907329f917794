"""Making a project from a blueprint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infrastructure.blueprints.catalogue import find
from infrastructure.blueprints.names import ProjectName
from shared.errors import BadInput

LONGEST_DESCRIPTION = 2000


class BadBlueprint(BadInput):
    """The blueprint cannot be used."""

    code = "bad_blueprint"
    advice = "Run `telewright blueprint check` on its directory."


@dataclass(frozen=True, slots=True)
class Answers:
    """What a blueprint is told about the project to make."""

    project_name: ProjectName
    description: str = ""
    """Any text; a project says it of itself."""


async def render(blueprint_name: str, answers: Answers, target: Path) -> None:
    """Make a project from one of Telewright's blueprints.

    The same answers give the same files, byte for byte.

    Args:
        blueprint_name: One of the catalogue's.
        answers: What the blueprint is told.
        target: An empty or missing directory that becomes the project.

    Raises:
        UnknownBlueprint: There is none of that name.
        BadBlueprint: It does not render.
    """
    await render_directory(find(blueprint_name).directory, answers, target)


async def render_directory(blueprint: Path, answers: Answers, target: Path) -> None:
    """Make a project from the blueprint in a directory, whoever wrote it.

    Raises:
        BadBlueprint: It is unsafe or does not render.
    """
    raise NotImplementedError
