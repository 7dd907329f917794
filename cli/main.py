"""The `telewright` command: one name for everything a person does with Telewright.

Exit codes: 0 done; 1 it could not be done, said in a line on stderr; 2 wrong
usage; 130 interrupted with Ctrl-C; 143 ended by SIGTERM.
"""

# Everything heavy is imported inside the command that needs it: `--help` and
# shell completion answer at once.

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from shared.errors import TelewrightError

if TYPE_CHECKING:
    from shared.settings import Settings

Result = TypeVar("Result")

app = typer.Typer(
    help="Describe a service; Telewright plans, builds, tests, deploys and watches it.",
    epilog="Exit codes: 0 done, 1 not done (the reason is on stderr), 2 wrong usage, 130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    # Plain help: it wraps well in 60 columns, and costs no import of rich.
    rich_markup_mode=None,
    # An error that nobody expected shows its whole traceback, without the values in its frames.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
secret_app = typer.Typer(help="The secrets a project's service gets.", no_args_is_help=True)
blueprint_app = typer.Typer(help="What projects are made from.", no_args_is_help=True)
app.add_typer(secret_app, name="secret")
app.add_typer(blueprint_app, name="blueprint")

Project = Annotated[str, typer.Argument(metavar="PROJECT")]
SecretName = Annotated[
    str, typer.Argument(metavar="NAME", help="As the service finds it in its environment.")
]


def main() -> None:
    """Run the command; the console script."""
    # Before anything is imported that counts.
    if "TELEWRIGHT_ROLE" in os.environ:
        from cli.metrics.counting import join

        join()
    try:
        app(prog_name="telewright")
    except TelewrightError as error:
        sys.exit(_told(error))


@app.command()
def up() -> None:
    """Run everything, until stopped."""
    from cli.up import up as run_everything

    _run(run_everything(_settings()))


@app.command()
def chat(
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Another conversation beside your usual one.", show_default=False),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="With piped input: stay until the work has ended or asks.")
    ] = False,
) -> None:
    """Talk to Telewright from this terminal."""
    from cli.chat import chat as talk
    from cli.leaving import leaving_cleanly

    raise typer.Exit(_run(leaving_cleanly(talk(_settings(), session=session, wait=wait))))


@app.command()
def demo(
    home: Annotated[
        Path | None,
        typer.Option(
            help="Keep everything in this directory. [default: a temporary one]", show_default=False
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running at the end.")] = False,
) -> None:
    """Play the main job once, unattended."""
    from cli.demo import demo as play
    from cli.leaving import leaving_cleanly

    raise typer.Exit(_run(leaving_cleanly(play(_settings(), home=home, keep=keep))))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check every setting and every part."""
    from cli.doctor import doctor as examine

    raise typer.Exit(_run(examine(_settings(), as_json=as_json)))


@app.command()
def worker() -> None:
    """Run one worker."""
    from cli.worker import run_worker
    from shared import logs

    settings = _settings()
    logs.configure(settings)
    _serve(run_worker(settings))


@app.command()
def bot() -> None:
    """Run one Telegram bot."""
    from cli.bot import run_bot
    from shared import logs

    settings = _settings()
    logs.configure(settings)
    _serve(run_bot(settings))


@app.command()
def scheduler() -> None:
    """Run one scheduler."""
    from cli.scheduler import run_scheduler
    from shared import logs

    settings = _settings()
    logs.configure(settings)
    _serve(run_scheduler(settings))


@app.command()
def api() -> None:
    """Run one API, which hears GitHub's webhooks."""
    from cli.api import run_api
    from shared import logs

    settings = _settings()
    logs.configure(settings)
    _serve(run_api(settings))


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from infrastructure.embedded import endpoints
    from shared import migrations

    async def upgrade(settings: Settings) -> None:
        await migrations.upgrade((await endpoints(settings)).database_url)
        typer.echo(f"The schema is at {migrations.head()}.")

    _run(upgrade(_settings()))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    typer.echo(f"telewright {metadata.version('telewright')}")


@secret_app.command("set")
def secret_set(project: Project, name: SecretName) -> None:
    """Set a secret; its value is asked for, or read from stdin."""
    from cli import secret

    _run(secret.set_secret(_settings(), project, name))


@secret_app.command("list")
def secret_list(project: Project) -> None:
    """Print the names of a project's secrets."""
    from cli import secret

    _run(secret.list_secrets(_settings(), project))


@secret_app.command("unset")
def secret_unset(project: Project, name: SecretName) -> None:
    """Forget a secret."""
    from cli import secret

    _run(secret.unset_secret(_settings(), project, name))


@blueprint_app.command("check")
def blueprint_check(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", exists=True, file_okay=False, resolve_path=True)
    ],
) -> None:
    """Say whether a blueprint is fit for use."""
    from cli import blueprint

    _run(blueprint.check_blueprint(_settings(), directory))


@blueprint_app.command("list")
def blueprint_list() -> None:
    """Print the blueprints that come with Telewright."""
    from cli import blueprint

    blueprint.list_blueprints()


def _settings() -> Settings:
    from shared.settings import Settings

    return Settings.load()


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    return asyncio.run(work)


def _serve(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a process that stays, on the event loop that costs less."""
    import gc

    import uvloop

    # What was imported stays as long as the process: the collector need not look through all of it, which
    # holds everything up for a tenth of a second, again and again.
    gc.collect()
    gc.freeze()
    return uvloop.run(work)


def _told(error: TelewrightError) -> int:
    from cli.terminal.hostile import harmless

    typer.echo(f"telewright: {harmless(error.message)}", err=True)
    typer.echo(harmless(error.advice), err=True)
    return 1
