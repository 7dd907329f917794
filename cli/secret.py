"""`telewright secret`: the secrets of a project, by name only."""

from __future__ import annotations

import asyncio
import getpass
import sys

import typer
from pydantic import SecretStr

from infrastructure.blueprints.names import project_name
from infrastructure.secrets import Secrets
from shared.errors import BadInput
from shared.settings import Settings

LONGEST = 1024 * 1024
"""Characters read from stdin; more is a mistake, and not a secret."""


async def set_secret(settings: Settings, project: str, name: str) -> None:
    """Ask for a secret's value, or read it from stdin, and remember it.

    Never taken from the arguments: those are seen in `ps` and kept in the
    shell's history.

    Raises:
        BadInput: The project's or the secret's name cannot be one, or there is no value.
    """
    project = project_name(project)
    value = await asyncio.to_thread(_value, project, name)
    await Secrets(settings.home).set(project, name, value)
    typer.echo(f"{name} is set for {project}. Its service gets it with the next deployment of {project}.")


async def list_secrets(settings: Settings, project: str) -> None:
    """Print the names of a project's secrets, one a line."""
    project = project_name(project)
    names = await Secrets(settings.home).names(project)
    for name in names:
        typer.echo(name)
    if not names:
        typer.echo(f"{project} has no secrets.", err=True)


async def unset_secret(settings: Settings, project: str, name: str) -> None:
    """Forget a secret."""
    project = project_name(project)
    await Secrets(settings.home).unset(project, name)
    typer.echo(f"{name} is no longer set for {project}.")


def _value(project: str, name: str) -> SecretStr:
    if sys.stdin.isatty():
        value = getpass.getpass(f"{name} for {project} (not shown): ")
    else:
        # One line end belongs to the pipe (`echo`, a file), not to the value.
        value = sys.stdin.read(LONGEST + 1).removesuffix("\n").removesuffix("\r")
    if not value:
        raise BadInput("No value was given.")
    if len(value) > LONGEST:
        raise BadInput("That is too long for a secret.")
    return SecretStr(value)
