"""`telewright secret`: the secrets of a project, by name only."""

from __future__ import annotations

import asyncio
import difflib
import getpass
import sys

import psycopg
import typer
from pydantic import SecretStr

from cli.ledgers import open_ledgers
from infrastructure.blueprints.names import project_name
from infrastructure.secrets import Secrets
from shared.errors import BadInput, TelewrightError
from shared.ledger import projects
from shared.settings import Settings

LONGEST = 1024 * 1024
"""Characters read from stdin; more is a mistake, and not a secret."""
LOOK_S = 5
"""How long the database may take to say which projects there are."""


async def set_secret(settings: Settings, project: str, name: str) -> None:
    """Ask for a secret's value, or read it from stdin, and remember it.

    Never taken from the arguments: those are seen in `ps` and kept in the
    shell's history.

    Neither a project that is not there yet nor a Telewright that does not run is in the way:
    a secret may be there before the build that needs it, which then need not stop and ask.
    Either is said.

    Raises:
        BadInput: The project's or the secret's name cannot be one, or there is no value.
    """
    project = project_name(project)
    # Said before the value is asked for, while a mistyped name can still be called off.
    stands = await _look_for(settings, project)
    value = await asyncio.to_thread(_value, project, name)
    await Secrets(settings.home).set(project, name, value)
    which = "first" if stands is False else "next"
    typer.echo(f"{name} is set for {project}. Its service gets it with the {which} deployment of {project}.")


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


async def _look_for(settings: Settings, project: str) -> bool | None:
    """Return whether there is a project, and say if there is none; None if that cannot be seen."""
    try:
        async with (
            asyncio.timeout(LOOK_S),
            open_ledgers(settings, connections=1) as (database, _),
            database.connection() as connection,
        ):
            names = [one.name for one in await projects.all_of_them(connection)]
    except (TelewrightError, psycopg.Error, TimeoutError) as error:
        reason = error.message if isinstance(error, TelewrightError) else "The database does not answer."
        typer.echo(f"I could not look whether there is a project {project}: {reason}", err=True)
        return None
    if project in names:
        return True
    meant = difflib.get_close_matches(project, names, n=1)
    guess = f" Did you mean {meant[0]}?" if meant else ""
    typer.echo(
        f"There is no project {project} yet; its first release will find what you set.{guess}", err=True
    )
    return False


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
