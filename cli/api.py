"""The API's process: builds its parts and hands them over."""

from __future__ import annotations

from api.app import app_of
from api.server import serve
from cli.ledgers import open_ledgers
from cli.metrics.alone import exposing_itself
from shared.process import until_told_to_stop
from shared.settings import Settings

CONNECTIONS = 5


async def run_api(settings: Settings) -> None:
    """Answer HTTP requests until SIGTERM or SIGINT.

    Raises:
        BadSetting: The address cannot be listened on.
        Unavailable: The database cannot be reached, or nothing runs for this home.
    """
    secret = settings.github_webhook_secret if settings.github_configured else None
    async with (
        open_ledgers(settings, connections=CONNECTIONS) as (database, _),
        exposing_itself(settings),
    ):
        app = app_of(database, github_secret=secret.get_secret_value() if secret else None)
        await until_told_to_stop(serve(app, settings.api_host, settings.api_port))
