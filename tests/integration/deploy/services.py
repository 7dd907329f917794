"""Small services to deploy, and people who use them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from infrastructure.contract import DeployContract
from infrastructure.deploy import DeployEvent
from infrastructure.releases import ReleaseArtifact

SERVICE = """
import http.server, json, os, time
from pathlib import Path

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(1)
        body = json.dumps({"version": VERSION, "environment": dict(os.environ)}).encode()
        self.send_response(STATUS)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

data = Path(os.environ["DATA_DIR"])
with (data / "starts").open("a") as file:
    file.write(f"{VERSION}\\n")
print(VERSION, "listens", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def service(version: str, *, status: int = 200) -> str:
    """Return a service that says which version it is."""
    return f"VERSION, STATUS = {version!r}, {status}\n{SERVICE}"


def commit(letter: str) -> str:
    """Return a commit's name."""
    return letter * 40


def contract(**fields: object) -> DeployContract:
    """Return a deploy contract with one process that answers."""
    processes = {"web": {"command": ["python", "-m", "service"], "port": True}}
    content = {"version": 1, "processes": processes, "health": {"path": "/", "timeout_s": 10}, **fields}
    return DeployContract.model_validate(content)


def release(
    directory: Path, version: str, *, code: str | None = None, project: str = "hello", **fields: object
) -> ReleaseArtifact:
    """Build a release by hand; its version is one hexadecimal letter."""
    files = {
        "release.json": json.dumps({"project": project, "commit": commit(version)}),
        "app/service.py": code or service(version),
    }
    archive = directory / f"{project}-{version}.tar.gz"
    write_archive(archive, files)
    digest = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    return ReleaseArtifact(project, commit(version), digest, archive, contract(**fields))


def write_archive(archive: Path, files: Mapping[str, str]) -> None:
    """Write an archive with these files."""
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))


async def version_at(url: str) -> str:
    """Return which version answers."""
    async with httpx.AsyncClient() as client:
        answer = (await client.get(url)).raise_for_status().json()
        return str(answer["version"])


class Load:
    """People who use a service all the time, and notice everything that goes wrong."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []

    @asynccontextmanager
    async def under_way(self, *, people: int = 4, pause_s: float = 0.02) -> AsyncIterator[None]:
        """Use the service while the block runs, quick and slow pages.

        Args:
            people: How many do, beside the one who uses a slow page.
            pause_s: How long each waits before the next page. Without it they take all of
                the machine, and what they are to watch takes several times as long.
        """
        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for _ in range(people):
                group.create_task(self._use(self._url, done, pause_s))
            group.create_task(self._use(f"{self._url}slow", done, pause_s))
            try:
                yield
            finally:
                done.set()

    async def _use(self, url: str, done: asyncio.Event, pause_s: float) -> None:
        async with httpx.AsyncClient(timeout=10) as client:
            while not done.is_set():
                await self._ask(client, url)
                await asyncio.sleep(pause_s)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> None:
        try:
            answer = await client.get(url)
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
            return
        if answer.status_code == 200:
            self.versions[answer.json()["version"]] += 1
        else:
            self.failures.append(f"{answer.status_code} {answer.text[:80]}")


class Events:
    """What a person is told."""

    def __init__(self) -> None:
        self.all: list[DeployEvent] = []

    async def __call__(self, event: DeployEvent) -> None:
        self.all.append(event)

    def __str__(self) -> str:
        return "\n".join(f"{event.step}: {event.status} {event.message}" for event in self.all)
