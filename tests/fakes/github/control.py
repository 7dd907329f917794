"""The tests' own door: `POST /control/act/NAME` does an action, `/control/changed` waits for one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web

from tests.fakes.github.actions import ACTIONS

if TYPE_CHECKING:
    from tests.fakes.github.world import World


async def handle(world: World, request: web.BaseRequest, path: str) -> web.Response:
    """Answer a call of a test in another process or thread."""
    if path == "changed":
        await _changed(world, request)
        return web.json_response({"activity": world.activity})
    params = json.loads(await request.read() or b"{}")
    try:
        return web.json_response({"result": ACTIONS[path.removeprefix("act/")](world, **params)})
    except (LookupError, TypeError, ValueError, AssertionError) as wrong:
        return web.json_response({"error": type(wrong).__name__, "message": str(wrong)}, status=422)


async def _changed(world: World, request: web.BaseRequest) -> None:
    seen = int(request.query.get("since", "0"))
    if world.activity == seen:
        await world.changed(float(request.query.get("timeout", "1")))
