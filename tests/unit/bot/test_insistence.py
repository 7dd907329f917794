"""Calls that have to succeed some time are made until they do, whatever is between."""

from __future__ import annotations

import pytest
from aiohttp import ClientPayloadError

from bot.insistence import insist


@pytest.mark.parametrize("error", [OSError("no route to host"), ClientPayloadError("cut"), TimeoutError()])
async def test_what_aiogram_does_not_wrap_is_outlasted_too(error: Exception) -> None:
    ways = iter([error, None])
    pauses: list[float] = []

    async def call() -> str:
        if (way := next(ways)) is not None:
            raise way
        return "done"

    assert await insist(call, pausing=pauses.append) == "done"
    assert len(pauses) == 1
