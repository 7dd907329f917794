"""The HTTP server: one handler for methods, files and the tests' own calls."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import traceback

from aiohttp import web

from tests.fakes.telegram import control, validation
from tests.fakes.telegram.errors import ApiError, Json, Value, plain
from tests.fakes.telegram.methods import METHODS
from tests.fakes.telegram.params import Params, read_params
from tests.fakes.telegram.webhook import Courier
from tests.fakes.telegram.world import World

SHUTDOWN_S = 0.1
QUIET = {"getupdates"}


class Server:
    """Serves a world on a loopback port."""

    def __init__(self, world: World, port: int = 0) -> None:
        self._world = world
        self._port = port
        self._courier = Courier(world, self.call)
        self._runner: web.ServerRunner | None = None

    async def start(self) -> str:
        """Listen; returns the address."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True, backlog=1024).start()
        self._courier.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening and delivering."""
        await self._courier.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/bot"):
            return await self._bot(request, path)
        if path.startswith("/file/bot"):
            return self._file(path)
        if path.startswith("/control/"):
            return await control.handle(self._world, request, path.removeprefix("/control/"))
        return _answer(plain(404).body(), 404)

    async def _bot(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        token, _, name = path.removeprefix("/bot").partition("/")
        if token != self._world.token:
            known_form = token.partition(":")[0].isdigit() and ":" in token
            return _error(plain(401) if known_form else plain(404))
        try:
            params = await read_params(request)
            params.alive = lambda: request.transport is not None
            body = await self._called(request, name.lower(), params)
        except ApiError as error:
            return _error(error)
        except ConnectionResetError:
            # The client was killed while it was asking.
            return _cut(request)
        except Exception:  # noqa: BLE001 - a bug of the fake is for the test to see, not for the bot
            self._world.mismatches.append(traceback.format_exc())
            self._world.touch()
            return _error(plain(500))
        return _answer(body, 200) if body is not None else _cut(request)

    async def _called(self, request: web.BaseRequest, name: str, params: Params) -> Json | None:
        """Answer a method with what goes wrong on the way; none when there is to be no answer."""
        chat = params.chat_id()
        fault = self._world.faults.take(name, chat if isinstance(chat, int) else None)
        if fault is None:
            return {"ok": True, "result": await self.call(name, params)}
        if fault.slow_s:
            await asyncio.sleep(fault.slow_s)
        if fault.cut and not fault.after_effect:
            return None
        error = fault.error()
        if error is not None and not fault.after_effect:
            self._world.record_call(name, params.values, error)
            self._world.touch()
            raise error
        result = await self.call(name, params)
        if error is not None:
            raise error
        return None if fault.cuts else {"ok": True, "result": result}

    async def call(self, name: str, params: Params) -> Value:
        """Do a method.

        Raises:
            ApiError: It cannot be done.
        """
        world, method = self._world, METHODS.get(name)
        failed: ApiError | None = None
        try:
            if method is None:
                raise plain(404)
            self._check_limits(name, params)
            result = method(world, params)
            if inspect.isawaitable(result):
                result = await result
            if world.validate:
                self._validate(name, result)
        except ApiError as error:
            failed = error
            raise
        else:
            return result
        finally:
            if name not in QUIET:
                world.record_call(name, params.values, failed)
            world.touch()

    def _check_limits(self, name: str, params: Params) -> None:
        if self._world.limits.on and isinstance(chat_id := params.chat_id(), int):
            self._world.limits.check(name, chat_id, is_group=chat_id < 0)

    def _validate(self, name: str, result: object) -> None:
        try:
            validation.check_answer(name, result)
        except validation.Mismatch as mismatch:
            self._world.mismatches.append(str(mismatch))
            raise plain(500) from mismatch

    def _file(self, path: str) -> web.StreamResponse:
        token, _, name = path.removeprefix("/file/bot").partition("/")
        if token != self._world.token:
            return _error(plain(401))
        for stored in self._world.files.values():
            if stored.path == name:
                return web.Response(body=stored.content, content_type="application/octet-stream")
        return _error(plain(404))


def _answer(body: Json, status: int) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")


def _error(error: ApiError) -> web.Response:
    return _answer(error.body(), error.code)


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        with contextlib.suppress(OSError):
            request.transport.abort()
    return web.Response(status=500)
