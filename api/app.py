"""The HTTP front's routes, and how it answers with errors."""

from __future__ import annotations

from fastapi import FastAPI

from api.errors import render
from api.github_webhook import GitHubWebhook
from api.health import health_of
from shared.database import Database
from shared.errors import TelewrightError


def app_of(database: Database, *, github_secret: str | None) -> FastAPI:
    """Return the application.

    Args:
        database: Opened.
        github_secret: What GitHub signs its deliveries with; without one there is no webhook.
    """
    app = FastAPI(title="Telewright", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(TelewrightError, render)
    app.include_router(health_of(database))
    if github_secret is not None:
        app.include_router(GitHubWebhook(database, github_secret).router)
    return app
