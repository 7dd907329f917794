"""The HTTP server: the API, git, and the tests' own calls behind one port."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import email.utils
import hashlib
import json
import re
import time
import traceback
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from tests.fakes.github import control, rights, transport, validation
from tests.fakes.github.call import Answer, Call
from tests.fakes.github.courier import Courier
from tests.fakes.github.errors import ApiError, Json, archived, not_found, secondary_limit
from tests.fakes.github.faults import Fault
from tests.fakes.github.records import App, Token
from tests.fakes.github.routes import ANYBODY, APP, Route, find
from tests.fakes.github.views.addresses import Addresses
from tests.fakes.github.world import World

SHUTDOWN_S = 0.1
LARGEST_BODY = 256 * 1024**2
ENTERPRISE = "/api/v3"
UNICORN = (
    "<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head>"
    "<body><p>This page is taking too long to load.</p></body></html>\n"
)
_JSON = "application/json; charset=utf-8"
_BY_ID = re.compile(r"/repositories/(\d+)(/.*)?")


@dataclass
class Caller:
    """Who asks, and whose budget that is."""

    token: Token | None = None
    app: App | None = None

    @property
    def budget(self) -> str:
        """The name of the rate limit's window."""
        if self.app is not None:
            return f"app {self.app.id}"
        if self.token is None:
            return "nobody"
        return f"{self.token.kind} {self.token.installation or self.token.account.id}"

    @property
    def user_id(self) -> int | None:
        """The account, where there is one."""
        return None if self.token is None else self.token.account.id


class Server:
    """Serves a world on a loopback port."""

    def __init__(self, world: World, port: int = 0) -> None:
        self._world = world
        self._port = port
        self._courier = Courier(world)
        self._runner: web.ServerRunner | None = None

    async def start(self) -> str:
        """Listen; returns the address."""
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True, backlog=1024).start()
        host, port = self._runner.addresses[0][:2]
        self._world.url = f"http://{host}:{port}"
        self._courier.start()
        return self._world.url

    async def stop(self) -> None:
        """Stop listening and delivering."""
        self._world.resume()
        await self._courier.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        request._client_max_size = LARGEST_BODY
        if request.path.startswith("/control/"):
            return await control.handle(self._world, request, request.path.removeprefix("/control/"))
        await self._world.opened()
        path = request.path.removeprefix(ENTERPRISE) or "/"
        entry: Json = {"method": request.method, "path": path, "query": dict(request.query)}
        entry |= {"status": None, "counted": False, "at": time.monotonic(), "git": transport.is_git(path)}
        self._world.requests.append(entry)
        try:
            response = await self._faulty(request, path, entry)
        except ConnectionResetError:
            return _cut(request)  # the client was killed while it was asking
        except Exception:  # noqa: BLE001 - a bug of the fake is for the test to see, not for the client
            self._world.mismatches.append(traceback.format_exc())
            response = web.Response(text=UNICORN, status=500, content_type="text/html")
        if response is not None:
            entry["status"] = response.status
        self._world.touch()
        return _cut(request) if response is None else response

    async def _faulty(self, request: web.BaseRequest, path: str, entry: Json) -> web.StreamResponse | None:
        """Answer with what goes wrong on the way; none when there is to be no answer."""
        fault = self._world.faults.take(request.method, path)
        if fault is None:
            return await self._answered(request, path, entry)
        while fault.held and fault.times != 0:
            await asyncio.sleep(0.02)
        if fault.slow_s:
            await asyncio.sleep(fault.slow_s)
        if not fault.after_effect and fault.cut:
            return None
        if not fault.after_effect and fault.answers:
            return _failure(fault)
        response = await self._answered(request, path, entry)
        if fault.answers:
            return _failure(fault)
        if fault.cuts:
            return None
        if fault.truncate or fault.slow_body_s:
            return await _dripped(request, response, fault)
        return response

    async def _answered(self, request: web.BaseRequest, path: str, entry: Json) -> web.Response:
        if transport.is_git(path):
            return await transport.handle(self._world, request)
        return await self._api(request, path, entry)

    # The API

    async def _api(self, request: web.BaseRequest, path: str, entry: Json) -> web.Response:
        world, now, caller, counts = self._world, self._world.now(), Caller(), path != "/rate_limit"
        answer: Answer
        try:
            caller = _caller(world, request.headers.get("Authorization", ""))
            if counts:
                world.limits.check(caller.budget, now, user_id=caller.user_id)
            answer = self._routed(request, path, caller, await _json_of(request), entry)
        except ApiError as error:
            answer = Answer(error.body(), error.status, error.headers)
        response = _rendered(answer, request, caller)
        if counts and response.status != 304:
            world.limits.spend(caller.budget, now)
            entry["counted"] = True
        for name, value in world.limits.headers(caller.budget, now).items():
            response.headers.setdefault(name, value)
        if caller.token is not None and caller.token.kind == "classic":
            response.headers["X-OAuth-Scopes"] = "delete_repo, repo, workflow"
        # By the server's clock, which is how clients learn that theirs is wrong.
        response.headers["Date"] = email.utils.formatdate(now, usegmt=True)
        response.headers["X-GitHub-Request-Id"] = f"FAKE:{len(world.requests):X}"
        response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
        response.headers["Server"] = "github.com"
        return response

    def _routed(self, request: web.BaseRequest, path: str, caller: Caller, body: Json, entry: Json) -> Answer:
        world = self._world
        prefix = ENTERPRISE if request.path.startswith(ENTERPRISE) else ""
        at = Addresses(world.url + prefix, world.url)
        if by_id := _BY_ID.fullmatch(path):
            repository = world.repositories.get(int(by_id[1]))
            if repository is None:
                raise not_found()
            path = f"/repos/{repository.full_name}{by_id[2] or ''}"
        found = find(request.method, path)
        if found is None:
            raise not_found()
        route, params = found
        entry["route"] = f"{route.method} {route.template}"
        call = Call(
            world=world,
            method=request.method,
            path=path,
            params=params,
            query=dict(request.query),
            body=body,
            at=at,
            token=caller.token,
            app=caller.app,
            budget=caller.budget,
        )
        if "repo" in params and (moved := self._locate(call)) is not None:
            return moved
        _check_rights(call, route)
        if (complaint := validation.check_request(route.method, route.template, body)) is not None:
            raise ApiError(422, complaint)
        try:
            answer = route.handler(call)
            self._check_answer(route, answer.status, answer.body)
        except ApiError as error:
            self._check_answer(route, error.status, error.body())
            raise
        return answer

    def _check_answer(self, route: Route, status: int, body: object) -> None:
        if self._world.validate:
            try:
                validation.check_answer(route.method, route.template, status, body)
            except validation.Mismatch as mismatch:
                self._world.mismatches.append(str(mismatch))

    def _locate(self, call: Call) -> Answer | None:
        """Find the repository that a call is about; an answer when it has moved."""
        owner, name = call.params["owner"], call.params["repo"]
        call.repository = call.world.find(owner, name)
        if call.repository is None:
            moved = call.world.find_moved(owner, name)
            if moved is None or not rights.may_see(call.token, moved, call.world):
                raise not_found()
            rest = call.path.split("/", 4)[4:]
            query = f"?{urlencode(call.query)}" if call.query else ""
            url = "/".join([f"{call.at.api}/repositories/{moved.id}", *rest]) + query
            read = call.method == "GET"
            message = "Moved Permanently" if read else "Temporary Redirect"
            return Answer({"message": message, "url": url}, 301 if read else 307, {"Location": url})
        if call.app is None and not rights.may_see(call.token, call.repository, call.world):
            raise not_found()
        return None


def _check_rights(call: Call, route: Route) -> None:
    if route.needs == APP:
        if call.app is None:
            raise ApiError(401, "A JSON web token could not be decoded")
        return
    if route.needs == ANYBODY:
        return
    repository = call.repository
    if call.token is None:
        if call.app is not None:
            raise ApiError(403, "Resource not accessible by integration")
        if repository is None or route.writes:
            raise ApiError(401, "Requires authentication")
        return
    if repository is not None and not rights.has_a_hand_in(call.token, repository, call.world):
        if not route.writes:
            return
        raise rights.missing_right(call.token, route.needs)
    if not rights.grants(call.token, route.needs):
        raise rights.missing_right(call.token, route.needs)
    unarchives = route.template == "/repos/{owner}/{repo}"  # which also deletes
    if repository is not None and repository.archived and route.writes and not unarchives:
        raise archived()


def _caller(world: World, header: str) -> Caller:
    kind, _, value = header.partition(" ")
    if not kind:
        return Caller()
    if kind.lower() == "basic":
        try:
            value = base64.b64decode(value).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError) as wrong:
            raise rights.bad_credentials() from wrong
    if value.count(".") == 2:
        return Caller(app=rights.app_of(world, value))
    return Caller(token=rights.token_of(world, value))


async def _json_of(request: web.BaseRequest) -> Json:
    raw = await request.read()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as wrong:
        raise ApiError(400, "Problems parsing JSON") from wrong
    if not isinstance(body, dict):
        raise ApiError(400, "Body should be a JSON object")
    return body


def _rendered(answer: Answer, request: web.BaseRequest, caller: Caller) -> web.Response:
    headers = dict(answer.headers)
    if answer.body is None and answer.status in {202, 204, 205}:
        return web.Response(status=answer.status, headers=headers)
    body = json.dumps(answer.body).encode()
    if request.method == "GET" and answer.status == 200:
        headers |= {"Cache-Control": "private, max-age=60, s-maxage=60", "Vary": "Accept, Authorization"}
        # Whoever asks with another token may see other things: GitHub's tags differ as well.
        digest = hashlib.sha256(body + caller.budget.encode() + headers.get("Link", "").encode())
        headers["ETag"] = f'W/"{digest.hexdigest()}"'
        if answer.last_modified is not None:
            headers["Last-Modified"] = email.utils.formatdate(answer.last_modified, usegmt=True)
        if _is_known(request, headers):
            headers.pop("Link", None)
            return web.Response(status=304, headers=headers)
    return web.Response(body=body, status=answer.status, headers={**headers, "Content-Type": _JSON})


def _is_known(request: web.BaseRequest, headers: Json) -> bool:
    """Whether the caller has this answer already (RFC 9110, 13.1)."""
    if (tags := request.headers.get("If-None-Match")) is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        return headers["ETag"].removeprefix("W/") in known
    since, modified = request.headers.get("If-Modified-Since"), headers.get("Last-Modified")
    if since is None or modified is None:
        return False
    parsed = email.utils.parsedate_to_datetime
    return bool(parsed(modified) <= parsed(since))


# What goes wrong


def _failure(fault: Fault) -> web.Response:
    if fault.retry_after is not None:
        error = secondary_limit(fault.retry_after, fault.status or 403)
        return web.json_response(error.body(), status=error.status, headers=error.headers)
    assert fault.status is not None
    if fault.status >= 500 and fault.message is None:
        return web.Response(text=UNICORN, status=fault.status, content_type="text/html")
    error = ApiError(fault.status, fault.message or "Error")
    return web.json_response(error.body(), status=fault.status)


async def _dripped(
    request: web.BaseRequest, response: web.Response, fault: Fault
) -> web.StreamResponse | None:
    """Send a body in pieces, and perhaps not all of it."""
    body = response.body if isinstance(response.body, bytes) else b""
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    stream = web.StreamResponse(status=response.status, headers=headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    sent = body[: len(body) // 2] if fault.truncate else body
    pieces = 10 if fault.slow_body_s else 1
    size = max(-(-len(sent) // pieces), 1)
    for at in range(0, len(sent), size):
        await stream.write(sent[at : at + size])
        await asyncio.sleep(fault.slow_body_s / pieces)
    if fault.truncate:
        return None
    await stream.write_eof()
    return stream


def _cut(request: web.BaseRequest) -> web.StreamResponse:
    if request.transport is not None:
        with contextlib.suppress(OSError):
            request.transport.abort()
    return web.Response(status=500)
