"""The HTTP application."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

from service import about, notes, page
from service.database import Database


def create_app(database_file: Path) -> FastAPI:
    """Build the application around one database file."""
    database = Database(database_file)
    database.migrate()

    app = FastAPI(title=about.NAME, description=about.DESCRIPTION)
    app.include_router(notes.router(database))

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def home() -> str:
        return page.home(notes.newest(database))

    @app.get("/health")
    def health() -> JSONResponse:
        """Say whether the service can do its work, which needs its database."""
        try:
            database.check()
        except sqlite3.Error as error:
            return JSONResponse({"status": "failing", "database": str(error)}, status_code=503)
        return JSONResponse({"status": "ok", "database": "ok"})

    return app
