"""`telewright blueprint`: what projects are made from."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.terminal.hostile import harmless
from infrastructure.blueprints import catalogue, check
from infrastructure.dependencies import Dependencies
from infrastructure.sandbox import BubblewrapSandbox
from shared.errors import BadInput
from shared.settings import Settings


class UnfitBlueprint(BadInput):
    """The blueprint is not fit for use."""

    code = "unfit_blueprint"
    advice = "Correct what is listed and check again."


def list_blueprints() -> None:
    """Print the blueprints that come with Telewright: name and summary, a tab between."""
    for blueprint in catalogue():
        typer.echo(f"{blueprint.name}\t{blueprint.summary}")


async def check_blueprint(settings: Settings, directory: Path) -> None:
    """Print what is wrong with a blueprint.

    Raises:
        UnfitBlueprint: There are findings.
    """
    findings = await check(directory, sandbox=BubblewrapSandbox(), dependencies=Dependencies(settings.home))
    for finding in findings:
        typer.echo(f"{finding.code}: {harmless(finding.message)}")
    if findings:
        raise UnfitBlueprint(f"{directory.name} is not fit for use: {len(findings)} to correct.")
    typer.echo(f"{directory.name} is fit for use.")
