"""Who does the thinking: roles behind protocols, and those that need no model.

A role is chosen when a process is put together. Without a model, plans are
blueprints and code is what a blueprint renders; a role that asks a model
implements the same protocol and nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from infrastructure.blueprints import Answers, Blueprint, ProjectName, Renderings, UnknownBlueprint
from shared.errors import BadInput


class NotUnderstood(BadInput):
    """Without a model I can only change the blueprint, the name and the description of a plan."""

    code = "not_understood"
    advice = "Write for example “name: hello”, “use static-site” or “description: …”; or set MODEL."


@dataclass(frozen=True, slots=True)
class Brief:
    """What is to be made."""

    blueprint: str
    name: str
    description: str


class Planner(Protocol):
    """Turns what a person wants into a plan, and changes it as the person says."""

    async def revise(self, brief: Brief, comment: str) -> Brief:
        """Return the plan as a comment on it asks for; names in it are not checked.

        Raises:
            NotUnderstood: The comment asks for what this planner cannot do.
        """


class Coder(Protocol):
    """Writes a project's files."""

    async def write(self, brief: Brief, target: Path) -> None:
        """Write the project into an empty directory: the same files every time.

        Raises:
            UnknownBlueprint: There is none of that name.
            BadBlueprint: It does not render.
        """


class CommentPlanner:
    """Understands the three things that can be changed about a blueprint's plan."""

    def __init__(self, blueprints: Sequence[Blueprint]) -> None:
        self._known = [blueprint.name for blueprint in blueprints]

    async def revise(self, brief: Brief, comment: str) -> Brief:
        """See `Planner.revise`."""
        pieces = [piece for line in comment.splitlines() for piece in _pieces(line)]
        if not pieces:
            raise NotUnderstood("What should be different?")
        for piece in pieces:
            brief = self._apply(brief, piece)
        return brief

    def _apply(self, brief: Brief, piece: str) -> Brief:
        if match := _NAME.fullmatch(piece):
            return replace(brief, name=match["name"])
        if match := _DESCRIPTION.fullmatch(piece):
            return replace(brief, description=match["description"].strip())
        if match := _BLUEPRINT.fullmatch(piece):
            # “static site” and `static-site` are the same.
            wanted = "-".join(match["blueprint"].lower().split())
            if wanted in self._known:
                return replace(brief, blueprint=wanted)
        if _SAYS_BLUEPRINT.match(piece):
            raise NotUnderstood(f"There is no such blueprint. There are: {', '.join(self._known)}.")
        raise NotUnderstood


class BlueprintCoder:
    """Writes what a blueprint renders."""

    def __init__(self, blueprints: Sequence[Blueprint], renderings: Renderings) -> None:
        """Put it together.

        Args:
            blueprints: What there is.
            renderings: Make the projects, and keep those made lately: a plan's files are shown before they are built.
        """
        self._renderings = renderings
        self._directories = {blueprint.name: blueprint.directory for blueprint in blueprints}

    async def write(self, brief: Brief, target: Path) -> None:
        """See `Coder.write`."""
        if brief.blueprint not in self._directories:
            raise UnknownBlueprint
        answers = Answers(project_name=ProjectName(brief.name), description=brief.description)
        await self._renderings.render(self._directories[brief.blueprint], answers, target)


_NAME = re.compile(
    r"(?:(?:the )?name(?: is)?\s*[:=]?|(?:call|name) it|rename (?:it )?to)\s+(?P<name>\S+)", re.IGNORECASE
)
_DESCRIPTION = re.compile(r"description\s*[:=]\s*(?P<description>.+)", re.IGNORECASE)
_BLUEPRINT = re.compile(
    r"(?:(?:the )?blueprint\s*[:=]\s*|use (?:an? |the )?|make it (?:an? )?)(?P<blueprint>[\w -]+?)"
    r"(?: blueprint| instead)*",
    re.IGNORECASE,
)
_SAYS_BLUEPRINT = re.compile(r"(?:the )?blueprint\s*[:=]|use ", re.IGNORECASE)


def _pieces(line: str) -> list[str]:
    """Split “name: foo, use static-site” in two; a description keeps its commas."""
    line = line.strip().rstrip(".!")
    if not line or _DESCRIPTION.fullmatch(line):
        return [line] if line else []
    # With single blanks: patterns that meet thousands of them take seconds, and nobody else runs meanwhile.
    return [" ".join(piece.split()) for piece in re.split(r"[,;]| and ", line) if piece.strip()]
