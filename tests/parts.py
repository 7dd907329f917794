"""The real servers that a test session shares: one PostgreSQL, and one Valkey for each worker."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from infrastructure.embedded import EmbeddedPostgres, EmbeddedValkey, claim
from infrastructure.embedded.locks import one_at_a_time
from infrastructure.embedded.sockets import find_socket_directory
from shared.errors import Conflict
from tests.databases import WATCH, Databases

PREFIX = "telewright-tests-"
TEMPLATE = "migrated"


class SharedParts:
    """What runs below one directory for one pytest session, started by whichever worker needs it first."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.postgres = EmbeddedPostgres(root, expendable=True)
        self._has_template = False

    def ensure_postgres(self) -> EmbeddedPostgres:
        """Have PostgreSQL running; safe in several workers at once."""
        self.postgres.start()
        return self.postgres

    def ensure_template(self) -> str:
        """Have a migrated database to copy, and return its name. Asked once in a process."""
        if not self._has_template:
            self._make_template()
            self._has_template = True
        return TEMPLATE

    @contextmanager
    def database(self, *, template: str) -> Iterator[str]:
        """Lend a database of one's own, as another is, and yield its URL."""
        with _databases(self.postgres.url, template).lend() as name:
            yield database_url(self.postgres, name)

    def valkey(self, worker: str) -> EmbeddedValkey:
        """Return one worker's Valkey, running. Published messages cross numbered databases, so each has its own."""
        home = self.root / worker
        home.mkdir(exist_ok=True)
        valkey = EmbeddedValkey(home)
        valkey.start()
        return valkey

    def lend_packages(self, home: Path) -> None:
        """Let a home have the installed packages that every other of this session's has, for projects to run with."""
        packages = self.root / "packages"
        packages.mkdir(exist_ok=True)
        (home / "dependencies").symlink_to(packages)

    def stop(self) -> None:
        """Stop every server and remove everything."""
        for home in (self.root, *(path for path in self.root.iterdir() if path.is_dir())):
            stop_servers(home)
        shutil.rmtree(self.root, ignore_errors=True)

    def _make_template(self) -> None:
        postgres = self.ensure_postgres()
        with (
            one_at_a_time(self.root / "template.lock"),
            psycopg.connect(postgres.url, autocommit=True) as admin,
        ):
            made = admin.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", (TEMPLATE,)
            ).fetchone()
            if made is None:
                admin.execute(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
                admin.execute(f"CREATE DATABASE {TEMPLATE}")
                _in_a_loop_of_its_own(database_url(postgres, TEMPLATE))
                with psycopg.connect(database_url(postgres, TEMPLATE), autocommit=True) as template:
                    template.execute(WATCH)
                # Nobody may be connected to a database that is copied.
                admin.execute(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false IS_TEMPLATE true")


@cache
def _databases(server_url: str, template: str) -> Databases:
    """Return those of this process: tests of all modules are lent the same."""
    return Databases(server_url, template)


def stop_servers(home: Path) -> None:
    """Stop the embedded servers of a home, and remove the directory of its sockets if it is elsewhere."""
    EmbeddedValkey(home).stop()
    EmbeddedPostgres(home).stop()
    sockets = find_socket_directory(home)
    if sockets is not None and sockets.parent != home:
        shutil.rmtree(sockets, ignore_errors=True)


def database_url(postgres: EmbeddedPostgres, name: str) -> str:
    """Return the URL of another database of the same server."""
    before, after = postgres.url.split("?", 1)
    return f"{before.rsplit('/', 1)[0]}/{name}?{after}"


def new_root() -> Path:
    """Make the directory of a session, short enough for sockets."""
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))


def sweep() -> None:
    """Stop what sessions left behind that were killed: those whose claim nobody holds."""
    for root in Path("/tmp").glob(f"{PREFIX}*"):
        try:
            with claim(root):
                SharedParts(root).stop()
        except (Conflict, PermissionError):
            continue


def _in_a_loop_of_its_own(url: str) -> None:
    """Migrate in another thread: this one's event loop is pytest-asyncio's."""
    from shared import migrations  # Alembic takes a second to import, and few runs get here

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrations.upgrade(url)).result()
