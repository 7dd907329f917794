"""Git's smart HTTP: `git http-backend` as CGI over the bare repositories, behind GitHub's front door.

https://git-scm.com/docs/git-http-backend
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import re
from dataclasses import dataclass

from aiohttp import web

from tests.fakes.github import happenings
from tests.fakes.github.errors import ApiError
from tests.fakes.github.gitdir import ENVIRONMENT
from tests.fakes.github.records import Account, Repository, Token
from tests.fakes.github.rights import grants, has_a_hand_in, may_see, token_of
from tests.fakes.github.world import World

PATH = re.compile(
    r"/(?P<owner>[^/]+)/(?P<name>[^/]+?)(?:\.git)?/(?P<rest>info/refs|git-(?:upload|receive)-pack)"
)


@dataclass(frozen=True)
class Refusal(Exception):
    """Git is turned away; it shows the text as what the remote said."""

    status: int
    text: str


def is_git(path: str) -> bool:
    """Whether a request comes from git."""
    return PATH.fullmatch(path) is not None


async def handle(world: World, request: web.BaseRequest) -> web.Response:
    """Answer git."""
    found = PATH.fullmatch(request.path)
    assert found is not None
    writes = "git-receive-pack" in (found["rest"], request.query.get("service"))
    try:
        token = _token(world, request)
        repository = _repository(world, found["owner"], found["name"], token)
        if isinstance(repository, web.Response):
            query = f"?{request.query_string}" if request.query_string else ""
            repository.headers["Location"] += f"/{found['rest']}{query}"
            return repository
        _check(world, repository, token, writes=writes)
    except Refusal as refusal:
        headers = {"WWW-Authenticate": 'Basic realm="GitHub"'} if refusal.status == 401 else {}
        return web.Response(text=f"{refusal.text}\n", status=refusal.status, headers=headers)
    return await _backend(world, request, repository, token, found["rest"])


def _token(world: World, request: web.BaseRequest) -> Token | None:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if not kind:
        return None
    try:
        password = base64.b64decode(value).decode().partition(":")[2] if kind.lower() == "basic" else value
        return token_of(world, password)
    except (ApiError, binascii.Error, UnicodeDecodeError) as wrong:
        raise Refusal(
            401, "Invalid username or token. Password authentication is not supported for Git operations."
        ) from wrong


def _repository(world: World, owner: str, name: str, token: Token | None) -> Repository | web.Response:
    found = world.find(owner, name)
    if (
        found is None
        and (moved := world.find_moved(owner, name)) is not None
        and may_see(token, moved, world)
    ):
        return web.Response(status=301, headers={"Location": f"{world.url}/{moved.full_name}.git"})
    if found is None or not may_see(token, found, world):
        # Before it says that there is nothing, GitHub asks who wants to know.
        raise (
            Refusal(401, "Repository not found.") if token is None else Refusal(404, "Repository not found.")
        )
    return found


def _check(world: World, repository: Repository, token: Token | None, *, writes: bool) -> None:
    name = f"{repository.full_name}.git"
    if token is not None and repository.private and not grants(token, "contents=read"):
        raise Refusal(403, f"Permission to {name} denied to {token.account.login}.")
    if not writes:
        return
    if token is None:
        raise Refusal(401, "No anonymous write access.")
    if not has_a_hand_in(token, repository, world) or not grants(token, "contents=write"):
        raise Refusal(403, f"Permission to {name} denied to {token.account.login}.")
    if repository.archived:
        raise Refusal(403, "This repository was archived so it is read-only.")


async def _backend(
    world: World, request: web.BaseRequest, repository: Repository, token: Token | None, rest: str
) -> web.Response:
    body = await request.read()
    before = dict(repository.git.refs())
    process = await asyncio.create_subprocess_exec(
        "git",
        "http-backend",
        # It may end without having read anything, and uvloop does not write to whom nobody is.
        stdin=asyncio.subprocess.PIPE if body else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(world, request, repository, token, rest, len(body)),
    )
    try:
        output, _ = await process.communicate(body or None)
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    finally:
        if rest == "git-receive-pack" and repository.id in world.repositories:
            pusher: Account = token.account if token is not None else repository.owner
            repository.git.forget()
            happenings.pushed(world, repository, before, pusher)
    return _parsed(output)


def _environment(
    world: World,
    request: web.BaseRequest,
    repository: Repository,
    token: Token | None,
    rest: str,
    length: int,
) -> dict[str, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(world.root),
        "GIT_PROJECT_ROOT": str(world.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.id}.git/{rest}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "REMOTE_ADDR": "127.0.0.1",
        **ENVIRONMENT,
    }
    if (version := request.headers.get("Git-Protocol")) is not None:
        environment["GIT_PROTOCOL"] = version
    if token is not None:
        is_admin = token.installation is None and has_a_hand_in(token, repository, world)
        is_app = token.installation is not None
        environment |= {
            "REMOTE_USER": token.account.login,
            "FAKE_GITHUB_ADMIN": "yes" if is_admin else "no",
            "FAKE_GITHUB_WORKFLOWS": "yes" if grants(token, "workflows=write") else "no",
            "FAKE_GITHUB_CALLER": "a GitHub App" if is_app else "a Personal Access Token",
            "FAKE_GITHUB_WORKFLOWS_RIGHT": "`workflows` permission" if is_app else "`workflow` scope",
        }
    return environment


def _parsed(output: bytes) -> web.Response:
    """The answer of a CGI program: headers, an empty line, a body."""
    head, _, body = output.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    return web.Response(body=body, status=status, headers=headers)
