"""The application: the files of `site/`, and a health check."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

SITE = Path(__file__).resolve().parent.parent / "site"


def create_app(site: Path = SITE) -> Starlette:
    """Build the application around a directory of pages."""

    def health(request: Request) -> JSONResponse:
        if not (site / "index.html").is_file():
            return JSONResponse({"status": "failing", "reason": "index.html is missing"}, status_code=503)
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/health", health),
            # html=True: a directory is its index.html, and what is missing is 404.html.
            Mount("/", StaticFiles(directory=site, html=True)),
        ]
    )
