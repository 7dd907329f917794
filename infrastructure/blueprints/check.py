"""Whether somebody's blueprint is fit for use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infrastructure.dependencies import Dependencies
from infrastructure.sandbox import Sandbox


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a blueprint."""

    code: str
    """Stable, for programs."""
    message: str
    """What is wrong and where, in a line or, for failing tests, with their output below."""


async def check(directory: Path, *, sandbox: Sandbox, dependencies: Dependencies) -> list[Finding]:
    """Say what is wrong with a blueprint, and nothing if it is fit.

    Args:
        directory: The blueprint: `copier.yml` and what it renders.
        sandbox: Where the rendered project's own tests run.
        dependencies: Where the tests' packages come from.

    Returns:
        The findings, most basic first; what cannot be looked at because of an
        earlier finding is left out.
    """
    raise NotImplementedError
