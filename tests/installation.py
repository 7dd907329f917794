"""One installation as people have it: a home, worker and scheduler processes, perhaps a bot, and a local server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

from cli.main import main
from infrastructure.local_server import LocalServer
from shared.database import Connection, Database
from tests.engine import end
from tests.forked import Forked

Role = Literal["worker", "scheduler", "bot", "api"]

ROOT = Path(__file__).parents[1]
FIRST_PORT, LAST_PORT = 17_500, 19_999
"""The highest that services may have."""
PORTS = 50
"""Of the services of one process that runs tests."""


@dataclass
class Installation:
    """A home with a database and a cache, and the processes over them that this test started."""

    home: Path
    database_url: str
    redis_url: str
    settings: dict[str, str] = field(default_factory=dict)
    """More of what is set than every installation has: Telegram's."""
    processes: defaultdict[Role, list[Forked]] = field(default_factory=lambda: defaultdict(list))

    @property
    def server(self) -> LocalServer:
        return LocalServer(self.home / "server")

    @property
    def log(self) -> Path:
        """What the workers and schedulers wrote."""
        return self.home.parent / f"{self.home.name}.log"

    def start(self, role: Role) -> Forked:
        """Start a process as an administrator would."""
        process = Forked(
            _telewright, role, environment=self._environment(), directory=self.home, log=self.log
        )
        self.processes[role].append(process)
        return process

    def kill(self, role: Role, process: Forked) -> None:
        """Kill a process, and forget it."""
        self.processes[role].remove(process)
        end(process, signal.SIGKILL)

    @contextmanager
    def running(self, *, workers: int = 1, bots: int = 0) -> Iterator[None]:
        """Have workers, a scheduler and bots running while the block runs."""
        roles: list[tuple[Role, int]] = [("worker", workers), ("scheduler", 1), ("bot", bots)]
        for role, count in roles:
            for _ in range(count):
                self.start(role)
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """End all processes, then the local server."""
        left = [one for processes in self.processes.values() for one in processes]
        for one in left:
            one.send_signal(signal.SIGTERM)
        for one in left:
            try:
                one.wait(20)
            except TimeoutError:
                end(one, signal.SIGKILL)
        self.processes.clear()
        asyncio.run(self.server.stop())

    def playbooks(self) -> list[psutil.Process]:
        """Return the processes of deployments under way: bubblewrap, the runner, Ansible, its modules."""
        plays = str(self.server.plays)
        outermost = [one for one in psutil.process_iter(["cmdline"]) if plays in (one.info["cmdline"] or [])]
        found = set(outermost)
        for process in outermost:
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= set(process.children(recursive=True))
        return sorted(filter(_lives, found), key=lambda process: process.pid)

    def instances(self) -> list[str]:
        """Return the groups of the services that run under supervisord."""
        return sorted(one.group for one in self.server.supervisor().processes() if "." in one.group)

    @asynccontextmanager
    async def ledgers(self) -> AsyncIterator[Connection]:
        """Lend a connection to look at what stands."""
        async with Database(self.database_url, connections=1) as database, database.connection() as tx:
            yield tx

    def _environment(self) -> dict[str, str]:
        ports = _ports().numbers
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TELEWRIGHT_HOME": str(self.home),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SERVICE_PORTS": f"{ports[0]}-{ports[-1]}",
            "LOG_FORMAT": "console",
            **self.settings,
        }


@dataclass(frozen=True)
class _Ports:
    """Ports that no other process that runs tests has services on: Caddy shares a port with another Caddy."""

    numbers: range
    claim: socket.socket
    """Holds the port behind them for as long as this process lives."""


@cache
def _ports() -> _Ports:
    for first in range(FIRST_PORT, LAST_PORT, PORTS):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first + PORTS - 1))
        except OSError:
            claim.close()
        else:
            return _Ports(range(first, first + PORTS - 1), claim)
    raise LookupError("all ports are claimed")


def _telewright(role: str) -> None:
    sys.argv = ["telewright", role]
    main()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
