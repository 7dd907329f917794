"""The same as `FakeGitHub`, for a server in another process or thread, over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.fakes.github.errors import Value
from tests.fakes.github.fake import FakeGitHub
from tests.fakes.github.front import GitHub

START_WITHIN_S = 60.0
ROOT = Path(__file__).parents[3]


class RemoteGitHub(GitHub):
    """A fake GitHub that runs elsewhere. Its calls block for the millisecond they take.

    Args:
        url: Where it listens.
        token: The owner's token there.
        owner: The owner's login there.
        pid: The server's process, where it is one of its own.
    """

    def __init__(self, url: str, token: str, owner: str, pid: int | None = None) -> None:
        self.pid = pid
        self.url = url
        self.token = token
        self.owner = owner
        self._local = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._seen = 0

    def act(self, name: str, /, **params: Value) -> Value:
        """Do an action on the server."""
        answer = self._ask("POST", f"/control/act/{name}", json.dumps(params))
        if "error" in answer:
            kind = {"LookupError": LookupError, "KeyError": KeyError, "IndexError": IndexError}
            raise kind.get(answer["error"], ValueError)(answer["message"])
        return answer["result"]

    def close(self) -> None:
        """Close the connections to the server."""
        for connection in self._connections:
            connection.close()

    async def _changed(self, timeout_s: float) -> None:
        path = f"/control/changed?since={self._seen}&timeout={timeout_s}"
        self._seen = (await asyncio.to_thread(self._ask, "GET", path))["activity"]

    def _ask(self, verb: str, path: str, body: str | None = None) -> Value:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
            self._local.connection = connection
            self._connections.append(connection)
        try:
            connection.request(verb, path, body)
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise


@contextmanager
def github_in_process(*, validate: bool = False, owner: str = "ann") -> Iterator[RemoteGitHub]:
    """Run the server as a process of its own, as fast as it gets."""
    command = [sys.executable, "-m", "tests.fakes.github", "--owner", owner]
    command += ["--validate"] * validate
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            with closing(RemoteGitHub(**started, pid=process.pid)) as github:
                yield github
                github.check()
        finally:
            process.terminate()


@contextmanager
def github_in_thread(**options: Value) -> Iterator[RemoteGitHub]:
    """Run the server in a thread, for a test whose own event loop is busy; takes what `FakeGitHub` takes."""
    started = threading.Event()
    found: list[Value] = []

    async def serve() -> None:
        over = asyncio.Event()
        async with FakeGitHub(**options) as github:
            found.extend([github.url, github.token, github.owner, over, asyncio.get_running_loop()])
            started.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not started.wait(START_WITHIN_S):
        raise TimeoutError("the fake GitHub did not start")
    url, token, owner, over, loop = found
    try:
        with closing(RemoteGitHub(url, token, owner)) as github:
            yield github
            github.check()
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(START_WITHIN_S)
