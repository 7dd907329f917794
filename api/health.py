"""Whether this process can do its work: `GET /healthz`, for proxies and people."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter

from shared.database import Database, DatabaseUnavailable
from shared.outages import OUTAGE

_ANSWER_S = 2.0


def health_of(database: Database) -> APIRouter:
    """Return the route."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> dict[str, str]:
        try:
            async with asyncio.timeout(_ANSWER_S), database.connection() as connection:
                await connection.execute("SELECT 1")
        except (*OUTAGE, TimeoutError) as error:
            raise DatabaseUnavailable from error
        return {"status": "ok"}

    return router
